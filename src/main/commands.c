/* commands.c - which function carries out which command of main; serve, config check and config show themselves. */
#include "main/commands.h"
#include "cli/command.h"
#include "main/admin.h"
#include "main/config.h"
#include "main/serve.h"
#include "main/tools.h"
#include <string.h>

enum { OUTPUT_MAX = 128 << 20 };

static int run_serve(struct cli *c)
{
	struct str path = flag_text(c, "config");
	return serve_main(path.n ? arena_str(&c->mem, path).p : NULL, flag_on(c, "check"));
}

/* The file that the line means: its argument, --config or TOCSIN_CONFIG, else what is in the usual places. */
static struct config *load(struct cli *c, const struct config_outside *o, struct report *r)
{
	struct str path = c->args.n ? c->args.v[0] : flag_text(c, "config");
	r->is_lenient = flag_on(c, "no-secrets");
	if (path.n == 0)
		path = config_find(o, r);
	return path.n ? config_load(o, path, r) : NULL;
}

static void put_report(struct report *r, FILE *to, enum report_form form)
{
	struct buf b = BUF(OUTPUT_MAX);
	report_write(r, &b, form);
	fprintf(to, "%.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
}

static void put_count(FILE *to, const char *sep, size_t n, const char *one, const char *many)
{
	fprintf(to, "%s%zu %s", sep, n, n == 1 ? one : many);
}

static void put_summary(const struct config *c, FILE *to)
{
	const struct world *w = &c->world;
	fprintf(to, "%.*s: no errors", STR_ARG(c->path));
	put_count(to, " (", w->services.n, "service", "services");
	put_count(to, ", ", w->policies.n, "policy", "policies");
	put_count(to, ", ", w->users.n, "user", "users");
	put_count(to, ", ", w->channels.n, "channel", "channels");
	put_count(to, ", ", w->integrations.n, "source", "sources");
	fputs(")\n", to);
}

static int run_check(struct cli *c)
{
	struct report r = { .a = &c->mem };
	struct str form = flag_text(c, "output");
	struct config_outside o = config_real_outside();
	struct config *config = load(c, &o, &r);
	bool is_json = str_eq(form, S("json")), is_github = str_eq(form, S("github"));
	put_report(&r, c->o->out, is_json ? REPORT_JSON : is_github ? REPORT_GITHUB : REPORT_TEXT);
	if (config && !is_json && !is_github)
		put_summary(config, c->o->out);
	int code = config ? EXIT_DONE : EXIT_CONFIG;
	config_free(config);
	return code;
}

static int run_show(struct cli *c)
{
	struct report r = { .a = &c->mem };
	struct config_outside o = config_real_outside();
	struct config *config = load(c, &o, &r);
	struct buf b = BUF(OUTPUT_MAX);
	put_report(&r, c->o->err, REPORT_TEXT);
	if (config) {
		config_show(config, &b, str_eq(flag_text(c, "output"), S("json")));
		fprintf(c->o->out, "%.*s", STR_ARG(buf_str(&b)));
	}
	int code = config ? EXIT_DONE : EXIT_CONFIG;
	buf_free(&b);
	config_free(config);
	return code;
}

static const struct { const char *name; int (*run)(struct cli *c); } commands[] = {
	{ "serve", run_serve }, { "config check", run_check }, { "config show", run_show },
	{ "token create", admin_token_create },
	{ "storage copy", tool_storage_copy }, { "storage info", tool_storage_info }, { "backup", tool_backup }, { "restore", tool_restore },
	{ "fsck", tool_fsck }, { "migrate status", tool_migrate_status }, { "migrate up", tool_migrate_up }, { "migrate to", tool_migrate_to },
	{ "migrate verify", tool_migrate_verify },
};

int command_run(void *ctx, struct cli *c)
{
	(void)ctx;
	for (size_t i = 0; i < COUNT(commands); i++)
		if (strcmp(commands[i].name, c->command->name) == 0)
			return commands[i].run(c);
	say(c, "%s is in the table of commands, but nothing carries it out", c->command->name);
	return EXIT_FAILED;
}

struct str command_explain(void *ctx, struct str name)
{
	(void)ctx;
	enum code code;
	return code_find(name, &code) ? code_doc(code) : S("");
}
