/* config.h - one YAML file made into everything the rooms need: the world of the core, the channels' outlets, the doors' keys, and the
 * settings of the process. Immutable afterwards, owned by one arena, freed whole; a reload makes a new one beside it.
 *
 * All faults come at once, in the report; a configuration with one error is no configuration. Secrets stand in the file
 * as references only, {env: NAME} or {file: PATH}; paths are relative to the working directory.
 */
#ifndef MAIN_CONFIG_H
#define MAIN_CONFIG_H
#include "api/api.h"
#include "engine/engine.h"
#include "main/report.h"

/* The outside as far as loading may see it: a function for variables, one for files, so that tests need neither. */
struct config_outside {
	void *ctx;
	const char *(*env)(void *ctx, const char *name);                                     /* NULL: not set */
	int (*read)(void *ctx, struct arena *a, struct str path, size_t max, struct str *ret); /* errno; EFBIG: longer than max */
};
struct config_outside config_real_outside(void);      /* getenv and the file system */
enum { CONFIG_BYTES_MAX = 1 << 20, SECRET_BYTES_MAX = 64 << 10, NAME_MAX_BYTES = 48 };

/* clang-format off */
#define CONFIG_LOG_LEVEL(X) X(CONFIG_INFO, "info") X(CONFIG_DEBUG, "debug") X(CONFIG_WARN, "warn") X(CONFIG_ERROR, "error")
ENUM_TYPE(config_log_level, CONFIG_LOG_LEVEL);        /* the first word of each enum is the default */
#define CONFIG_LOG_FORMAT(X) X(FORMAT_AUTO, "auto") X(FORMAT_LOGFMT, "logfmt") X(FORMAT_JSON, "json")
ENUM_TYPE(config_log_format, CONFIG_LOG_FORMAT);
#define CONFIG_DRIVER(X) X(DRIVER_SQLITE, "sqlite") X(DRIVER_JSON, "json") X(DRIVER_MEMORY, "memory") \
	X(DRIVER_POSTGRES, "postgres") X(DRIVER_DYNAMODB, "dynamodb")
ENUM_TYPE(config_driver, CONFIG_DRIVER);

#define CONFIG_MODE(X) X(MODE_PRIMARY, "primary") X(MODE_STANDBY, "standby")
ENUM_TYPE(config_mode, CONFIG_MODE);

#define CONFIG_LOG(X, E) \
	X(E, ENUM, level,  config_log_level,  0, 0, 0, "Least serious line that is written.") \
	X(E, ENUM, format, config_log_format, 0, 0, 0, "auto: logfmt on a terminal, JSON elsewhere.")
ENTITY_STRUCT(config_log, CONFIG_LOG);

#define CONFIG_SERVER(X, E) \
	X(E, STR, name,       ,           0, 1, NAME_MAX_BYTES, "What this replica is called, the same after every start; no other of its deployment has it. TOCSIN_NAME in the environment overrides it.") \
	X(E, STR, listen,     ,           0, 1,  300, "ADDRESS:PORT; HOST and PORT in the environment override its parts.") \
	X(E, STR, public_url, ,           0, 1, 2000, "Where people reach this server; the links in pages begin with it.") \
	X(E, SUB, log,        config_log, 0, 0,    0, "The server's own log, on standard error.")
ENTITY_STRUCT(config_server, CONFIG_SERVER);

#define CONFIG_STORAGE(X, E) \
	X(E, ENUM,   driver,   config_driver, 0, 0,    0, "sqlite: one file; json: a directory; postgres, dynamodb: any number of replicas; memory: forgets everything at the end.") \
	X(E, STR,    path,     ,              0, 1, 4000, "sqlite, json: the file or directory, from the working directory.") \
	X(E, STR,    export,   ,              0, 1, 4000, "json: where the incidents are kept as a JSON array for people and scripts; incidents.json in the directory unless given.") \
	X(E, STR,    min_free, ,              0, 1,   32, "sqlite, json: below so much free space alerts are refused while pages still go out; 64MiB unless given.") \
	X(E, STR,    url,      ,              0, 1, 4000, "postgres: postgresql://USER@HOST/DATABASE, without a password.") \
	X(E, SECRET, password, ,              0, 0,    0, "postgres: the password; where libpq looks for one unless given.") \
	X(E, STR,    schema,   ,              0, 1,   63, "postgres: the schema its tables are in; tocsin unless given.") \
	X(E, STR,    table,    ,              0, 3,  255, "dynamodb: the table, made when it is not there; incidents unless given.") \
	X(E, STR,    region,   ,              0, 1,   64, "dynamodb: the AWS region; AWS_REGION, or us-east-1, unless given.") \
	X(E, STR,    endpoint, ,              0, 1, 2000, "dynamodb: the URL of the service; that of the region unless given.") \
	X(E, INT,    shards,   ,              0, 1,  256, "postgres, dynamodb: into how many parts a new store is laid out, a power of two; 16 unless given.")
ENTITY_STRUCT(config_storage, CONFIG_STORAGE);

#define CONFIG_AUTH(X, E) \
	X(E, BOOL, required, , 0, 0, 0, "Requests from this machine need a token too. Must be true to listen beyond it.")
ENTITY_STRUCT(config_auth, CONFIG_AUTH);

#define CONFIG_DEFAULTS(X, E) \
	X(E, STR, timezone,      , 0, 1,        64, "IANA name for people without one of their own.") \
	X(E, DUR, level_timeout, , 0, 0, 604800000, "A level's wait for an acknowledgement unless it says otherwise; 15m.")
ENTITY_STRUCT(config_defaults, CONFIG_DEFAULTS);

#define CONFIG_STANDBY(X, E) \
	X(E, STR,    primary,         , 0, 1,     2000, "URL of the server to stand by for.") \
	X(E, SECRET, token,           , 0, 0,        0, "A token of that server with the scope replicate.") \
	X(E, STR,    name,            , 0, 1,       64, "What this standby is called on the timelines of both; the host's name unless given.") \
	X(E, DUR,    poll,            , 0, 0,    60000, "How often it looks; 3s unless given.") \
	X(E, DUR,    take_over_after, , 0, 0, 86400000, "Takes over when the primary was not seen at work for so long; 2m unless given.") \
	X(E, DUR,    yield_after,     , 0, 0, 86400000, "Yields when the primary has been seen at work for so long without a gap; 30s unless given.") \
	X(E, DUR,    copy,            , 0, 0, 34560000000, "How far back incidents that are over are copied; 24h unless given. Open ones are always.")
ENTITY_STRUCT(config_standby, CONFIG_STANDBY);
/* Ten years at most: longer is for an archive, see docs/storage.md. */
#define CONFIG_RETENTION(X, E) \
	X(E, DUR, incidents, , 0, 3600000, 315360000000, "How long an incident is kept after it was resolved, with its timeline and its pages; 400d.") \
	X(E, DUR, events,    , 0, 3600000, 315360000000, "How long repeated alerts are kept: dedup keys that are over, and the timeline's lines about them; 30d.")
ENTITY_STRUCT(config_retention, CONFIG_RETENTION);

/* The file itself. What a channel or a source takes depends on its type, so these two are read in a second step. */
#define CONFIG_FILE(X, E) \
	X(E, INT,  version,  ,                0, 0,     0, "Of this format: 1.") \
	X(E, ENUM, mode,     config_mode,     0, 0,     0, "primary; or standby: a silent copy of another server that takes over when that one is gone.") \
	X(E, SUB,  standby,  config_standby,  0, 0,     0, "mode standby: for whom, and when it takes over.") \
	X(E, SUB,  server,   config_server,   0, 0,     0, "Where the server is found.") \
	X(E, SUB,  storage,  config_storage,  0, 0,     0, "Where incidents are kept.") \
	X(E, SUB,  auth,     config_auth,     0, 0,     0, "Who may use the API.") \
	X(E, SUB,  defaults, config_defaults, 0, 0,     0, "For everything below that says nothing else.") \
	X(E, SUB,  retention, config_retention, 0, 0,   0, "How long what is over is kept.") \
	X(E, ANY,  channels, ,                0, 0,     0, "Ways to reach people: id to {type, settings}.") \
	X(E, LIST, users,    user,            0, 0, 10000, "People who can be paged.") \
	X(E, LIST, policies, policy,          0, 0, 10000, "Who is paged, in which order.") \
	X(E, LIST, services, service,         0, 0, 10000, "What can be in trouble.") \
	X(E, ANY,  sources,  ,                0, 0,     0, "Doors for alerts: a list of {id, type, settings}.")
ENTITY_STRUCT(config_file, CONFIG_FILE);
/* clang-format on */

/* world.integrations.v[i] is of type how, with these settings. */
struct config_source { const struct source *how; void *settings; };

struct config {
	struct arena mem;
	struct str path;                 /* how the file was named */
	struct str host; int port;       /* after HOST and PORT */
	struct str public_url;           /* without a slash at its end; empty: none */
	enum log_level log_level;
	enum config_log_format log_format;
	enum config_driver driver;
	struct str storage_path;         /* sqlite, json, postgres (its URL): what to open; else empty */
	struct str export_path;          /* json: the file that is kept in step; else empty */
	int64_t min_free;                /* bytes; 64 MiB unless given; 0: no gate */
	bool auth_required;
	struct config_file file;         /* as read, defaults filled in */
	struct world world;
	struct outlet *outlets; size_t n_outlets;        /* outlets[i] belongs to world.channels.v[i] */
	struct config_source *sources;                   /* sources[i] belongs to world.integrations.v[i] */
	struct door_key *keys; size_t n_keys;            /* sorted by (source, sha) */
};

/* The configuration in the file at `path`, or NULL with at least one error in the report. The report's texts live in r->a,
 * which must outlive it and nothing else; the configuration does not point into it. Warnings may come with either. */
struct config *config_load(const struct config_outside *o, struct str path, struct report *r);
void config_free(struct config *c);

/* The file to read when none was named: $TOCSIN_CONFIG, ./tocsin.yaml, /etc/tocsin/tocsin.yaml; empty with a finding in r when there is none. */
struct str config_find(const struct config_outside *o, struct report *r);

/* What is in force as YAML or JSON: defaults filled in, secrets as references, never their values. */
void config_show(const struct config *c, struct buf *b, bool as_json);

/* Whether a PostgreSQL URL or keywords hold a password, which belongs into a secret: user:password@ or password=. */
bool url_holds_password(struct str url);

/* "64MiB", "1GiB", "500000": bytes. EINVAL: not a size. */
int bytes_read(struct str s, int64_t *ret) MUST_USE;
void bytes_write(struct buf *b, int64_t bytes);
#endif
