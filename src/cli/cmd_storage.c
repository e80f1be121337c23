/* cmd_storage.c - the rows of the commands that look after a store: copy, count, back up, restore, audit, migrate. Main carries them out. */
#include "cli/command.h"
#include "cli/table.h"

/* clang-format off */
#define CONFIG_FLAG { .name = "config", .letter = 'c', .type = FLAG_TEXT, .arg = "FILE", .env = "TOCSIN_CONFIG", .doc = "The configuration whose store it is; ./tocsin.yaml or /etc/tocsin/tocsin.yaml unless given." }
#define QUIET_FLAG { .name = "quiet", .letter = 'q', .type = FLAG_BOOL, .doc = "No progress." }
#define FROM_FLAG { .name = "from", .type = FLAG_TEXT, .arg = "STORE", .doc = "Another store than the configuration's, as `tocsin help storage copy` writes it." }
#define TO_FLAG { .name = "to", .type = FLAG_TEXT, .arg = "STORE", .doc = "Another store than the configuration's, as `tocsin help storage copy` writes it." }
#define BACKUP_FLAG { .name = "backup", .type = FLAG_TEXT, .arg = "FILE", .doc = "Back up into this file first, and go on only when that succeeded." }
static const struct flag copy_flags[] = {
	{ .name = "from",      .type = FLAG_TEXT, .arg = "STORE", .doc = "What to copy." },
	{ .name = "to",        .type = FLAG_TEXT, .arg = "STORE", .doc = "Where to; made when it is not there." },
	{ .name = "overwrite", .type = FLAG_BOOL, .doc = "Make the target what the source is: replace what is newer there, remove what the source does not have." },
	QUIET_FLAG,
	TABLE_FLAGS,
};
static const struct flag info_flags[] = { CONFIG_FLAG, FROM_FLAG, QUIET_FLAG, TABLE_FLAGS, };
static const struct flag backup_flags[] = {
	CONFIG_FLAG,
	FROM_FLAG,
	{ .name = "force", .type = FLAG_BOOL, .doc = "Replace the file when it is there already." },
	QUIET_FLAG,
	TABLE_FLAGS,
};
static const struct flag restore_flags[] = {
	CONFIG_FLAG,
	TO_FLAG,
	{ .name = "verify", .type = FLAG_BOOL, .doc = "Only check the file, to its last byte; no store is touched." },
	{ .name = "force",  .type = FLAG_BOOL, .doc = "Into a store that is not empty: what the backup does not hold is removed from it." },
	QUIET_FLAG,
	TABLE_FLAGS,
};
static const struct flag fsck_flags[] = {
	CONFIG_FLAG,
	FROM_FLAG,
	QUIET_FLAG,
	{ .name = "output", .letter = 'o', .type = FLAG_WORD, .arg = "FORM", .words = "text json", .fallback = "text", .doc = "How to print." },
};
static const struct flag status_flags[] = { CONFIG_FLAG, FROM_FLAG, TABLE_FLAGS, };
static const struct flag move_flags[] = { CONFIG_FLAG, FROM_FLAG, BACKUP_FLAG, QUIET_FLAG, };
static const struct flag verify_flags[] = { CONFIG_FLAG, FROM_FLAG, };
/* clang-format on */

const struct cli_command command_storage_copy = {
	.name = "storage copy",
	.args = "",
	.summary = "copy a whole store into another of any kind",
	.detail = "STORE is a configuration file, or sqlite:PATH, json:DIRECTORY, postgresql://USER@HOST/DATABASE#SCHEMA, "
		  "dynamodb:TABLE?region=R&endpoint=URL. Stop the server that writes the source first. Both sides are read again afterwards and "
		  "compared by count and hash; which replicas run is not copied. A copy that was interrupted goes on when it is run again.",
	.flags = copy_flags,
	.n_flags = COUNT(copy_flags),
	.examples = { "tocsin storage copy --from sqlite:data/tocsin.db --to new.yaml", "tocsin storage copy --from old.yaml --to json:data/journal" },
	.see = "storage info, backup, fsck",
	.exits = "0 1 2 3",
};

const struct cli_command command_storage_info = {
	.name = "storage info",
	.args = "",
	.summary = "count what is in a store, and say how old it is",
	.detail = "SQLite and JSON stores are read beside the server that has them, as they are at one moment.",
	.flags = info_flags,
	.n_flags = COUNT(info_flags),
	.examples = { "tocsin storage info", "tocsin storage info --from sqlite:data/tocsin.db -o json" },
	.see = "storage copy, fsck, config show",
	.exits = "0 1 2 3",
};

const struct cli_command command_backup = {
	.name = "backup",
	.args = "FILE",
	.least = 1,
	.most = 1,
	.summary = "write the whole store into one portable file",
	.detail = "The server may go on: SQLite and JSON stores are written as they are at one moment, others incident by incident, each whole. The "
		  "file is the same for every kind of store, flushed and read back before it gets its name.",
	.flags = backup_flags,
	.n_flags = COUNT(backup_flags),
	.examples = { "tocsin backup tocsin.backup", "tocsin backup --config tocsin.yaml --force nightly.backup" },
	.see = "restore, storage copy, fsck",
	.exits = "0 1 2 3",
};

const struct cli_command command_restore = {
	.name = "restore",
	.args = "FILE",
	.least = 1,
	.most = 1,
	.summary = "fill an empty store from a backup",
	.detail = "The file is checked whole before anything is written, and the store is counted and compared with it afterwards.",
	.flags = restore_flags,
	.n_flags = COUNT(restore_flags),
	.examples = { "tocsin restore tocsin.backup --to sqlite:restored.db", "tocsin restore --verify nightly.backup" },
	.see = "backup, storage copy, fsck",
	.exits = "0 1 2 3",
};

const struct cli_command command_fsck = {
	.name = "fsck",
	.args = "",
	.summary = "look at every document and say what does not fit",
	.detail = "Only reads, and repairs nothing. Checks that every document can be read, that its keys and times are those of what it says, and that "
		  "what it refers to is there. The server may go on meanwhile.",
	.flags = fsck_flags,
	.n_flags = COUNT(fsck_flags),
	.examples = { "tocsin fsck", "tocsin fsck --config tocsin.yaml -o json" },
	.see = "storage info, backup, restore",
	.exits = "0 1 2 3",
};

const struct cli_command command_migrate_status = {
	.name = "migrate status",
	.args = "",
	.summary = "say which schema a store has and which there are",
	.flags = status_flags,
	.n_flags = COUNT(status_flags),
	.examples = { "tocsin migrate status", "tocsin migrate status -c tocsin.yaml -o json" },
	.see = "migrate up, migrate to, migrate verify",
	.exits = "0 1 2 3",
};

const struct cli_command command_migrate_up = {
	.name = "migrate up",
	.args = "",
	.summary = "move a store to the newest schema of this program",
	.detail = "Starting the server does the same. A store for one process must have no server.",
	.flags = move_flags,
	.n_flags = COUNT(move_flags),
	.examples = { "tocsin migrate up --backup before.backup", "tocsin migrate up -c tocsin.yaml" },
	.see = "migrate status, migrate to, backup",
	.exits = "0 1 2 3",
};

const struct cli_command command_migrate_to = {
	.name = "migrate to",
	.args = "N",
	.least = 1,
	.most = 1,
	.summary = "move a store to schema N, forward or back",
	.detail = "Back is for a return to the version of tocsin before: run it with the newer one, then start the older one.",
	.flags = move_flags,
	.n_flags = COUNT(move_flags),
	.examples = { "tocsin migrate to 1 --backup before.backup", "tocsin migrate to 2 -c tocsin.yaml" },
	.see = "migrate status, migrate up, backup",
	.exits = "0 1 2 3",
};

const struct cli_command command_migrate_verify = {
	.name = "migrate verify",
	.args = "",
	.summary = "check that a store is laid out as its schema says",
	.flags = verify_flags,
	.n_flags = COUNT(verify_flags),
	.examples = { "tocsin migrate verify", "tocsin migrate verify --config tocsin.yaml" },
	.see = "migrate status, fsck",
	.exits = "0 1 2 3",
};
