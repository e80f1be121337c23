/* views.c - the exact forms of objects in each view, their keys and schema, and the exact words of every fault, on a
 * specimen with a field of every kind.
 */
#include "tests/unit/model/specimen.h"

static void each_view_has_its_own_form_of_nothing(void **state)
{
	(void)state;
	struct arena a = ARENA(MEM);
	const struct specimen empty = { 0 };
	same(&specimen_entity, written(&a, &specimen_entity, &empty, V_STORE), S("{}"));
	same(&specimen_entity, written(&a, &specimen_entity, &empty, V_CONFIG), S("{}"));
	same(&specimen_entity, written(&a, &specimen_entity, &empty, V_API),
	    S("{\"id\":\"\",\"note\":null,\"mail\":\"\",\"count\":0,\"total\":0,\"is_on\":false,\"since\":null,\"wait\":null,"
	      "\"severity\":null,"
	      "\"colour\":\"red\",\"part\":{\"name\":\"\"},\"parts\":[],\"tags\":[],\"labels\":{},\"details\":null,\"shown\":0,"
	      "\"given\":0}"));
	arena_free(&a);
}

static void each_view_has_its_own_form_of_something(void **state)
{
	(void)state;
	struct arena a = ARENA(MEM);
	struct specimen s = { .id = S("x"), .note = S("n"), .count = -1, .is_on = true, .since = 1767323045678, .wait = 900000,
		.severity = 5,
		.colour = GREEN, .part = { .name = S("p"), .key = { .env = S("K"), .value = S("deep") } },
		.tags = { (struct str[]){ S("t") }, 1 }, .labels = { (struct pair[]){ { S("k"), S("v") } }, 1 },
		.secret = { .file = S("/run/s"), .value = S("deep") },
		.secrets = { (struct secret_pair[]){ { S("a"), { .env = S("A"), .value = S("deep") } } }, 1 }, .hidden = 7,
		.shown = 8, .given = 9 };
	same(&specimen_entity, written(&a, &specimen_entity, &s, V_STORE),
	    S("{\"id\":\"x\",\"note\":\"n\",\"count\":-1,\"is_on\":true,\"since\":\"2026-01-02T03:04:05.678Z\",\"wait\":\"15m\","
	      "\"severity\":5,"
	      "\"colour\":\"green\",\"part\":{\"name\":\"p\",\"key\":{\"env\":\"K\"}},\"tags\":[\"t\"],\"labels\":{\"k\":\"v\"},"
	      "\"secret\":{\"file\":\"/run/s\"},\"secrets\":{\"a\":{\"env\":\"A\"}},\"hidden\":7,\"given\":9}"));
	same(&specimen_entity, written(&a, &specimen_entity, &s, V_API),
	    S("{\"id\":\"x\",\"note\":\"n\",\"mail\":\"\",\"count\":-1,\"total\":0,\"is_on\":true,"
	      "\"since\":\"2026-01-02T03:04:05.678Z\",\"wait\":\"15m\","
	      "\"severity\":5,\"colour\":\"green\",\"part\":{\"name\":\"p\"},\"parts\":[],\"tags\":[\"t\"],"
	      "\"labels\":{\"k\":\"v\"},\"details\":null,"
	      "\"shown\":8,\"given\":9}"));
	arena_free(&a);
}

static void keys_have_an_exact_form(void **state)
{
	(void)state;
	struct arena a = ARENA(10000);
	struct str keys[STORE_IDX];
	struct incident in = { .id = S("ID"), .number = 42, .status = ACKNOWLEDGED, .service = S("checkout") };
	assert_int_equal(desc_keys(&a, &incident_entity, &in, keys, STORE_IDX), 3);
	assert_true(str_eq(keys[desc_key_index(&incident_entity, S("number"))], S("000000000042/ID")));
	assert_true(str_eq(keys[desc_key_index(&incident_entity, S("status"))], S("acknowledged/ID")));
	assert_true(str_eq(keys[desc_key_index(&incident_entity, S("service"))], S("checkout/ID")));
	in.service = S("");
	desc_keys(&a, &incident_entity, &in, keys, STORE_IDX);
	assert_int_equal(keys[desc_key_index(&incident_entity, S("service"))].n, 0);
	assert_int_equal(desc_key_index(&incident_entity, S("title")), -1);
	assert_int_equal(desc_key_index(&incident_entity, S("nothing")), -1);
	struct specimen s = { .id = S("x"), .is_on = true, .since = 253402300799999, .colour = GREEN };
	assert_int_equal(desc_keys(&a, &specimen_entity, &s, keys, STORE_IDX), 4);
	assert_true(str_eq(keys[1], S("true/x")) && str_eq(keys[2], S("253402300799999/x")) && str_eq(keys[3], S("green/x")));
	arena_free(&a);
}

static void a_schema_says_what_the_reader_checks(void **state)
{
	(void)state;
	struct buf b = BUF(MEM);
	desc_openapi(&b, &specimen_entity);
	const struct str want = S("\"specimen\":{\"type\":\"object\",\"description\":\"One field of every kind.\","
	  "\"properties\":{"
	    "\"id\":{\"description\":\"Id.\",\"type\":\"string\",\"minLength\":1,\"maxLength\":8},"
	    "\"note\":{\"description\":\"Null when empty.\",\"type\":[\"string\",\"null\"],\"maxLength\":8},"
	    "\"mail\":{\"description\":\"Optional with a least length.\",\"type\":\"string\",\"maxLength\":8},"
	    "\"count\":{\"description\":\"Count.\",\"type\":\"integer\",\"format\":\"int64\",\"minimum\":-5,\"maximum\":5},"
	    "\"total\":{\"description\":\"Without limits.\",\"type\":\"integer\",\"format\":\"int64\"},"
	    "\"is_on\":{\"description\":\"On.\",\"type\":\"boolean\"},"
	    "\"since\":{\"description\":\"Since.\",\"type\":[\"string\",\"null\"],\"format\":\"date-time\"},"
	    "\"wait\":{\"description\":\"Wait.\",\"type\":[\"string\",\"null\"],"
	    "\"pattern\":\"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?"
	    "([0-9]+ms)?$\"},"
	    "\"severity\":{\"description\":\"Severity.\",\"type\":[\"integer\",\"null\"],\"minimum\":1,\"maximum\":5},"
	    "\"colour\":{\"description\":\"Colour.\",\"type\":\"string\",\"enum\":[\"red\",\"green\"]},"
	    "\"part\":{\"description\":\"Part.\",\"$ref\":\"#/components/schemas/part\"},"
	    "\"parts\":{\"description\":\"Parts.\",\"type\":\"array\",\"minItems\":1,\"maxItems\":2,"
	    "\"items\":{\"$ref\":\"#/components/schemas/part\"}},"
	    "\"tags\":{\"description\":\"Tags.\",\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":2},"
	    "\"labels\":{\"description\":\"Labels.\",\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"},"
	    "\"maxProperties\":2},"
	    "\"details\":{\"description\":\"Details.\"},"
	    "\"shown\":{\"description\":\"Shown.\",\"type\":\"integer\",\"format\":\"int64\",\"readOnly\":true},"
	    "\"given\":{\"description\":\"Given.\",\"type\":\"integer\",\"format\":\"int64\",\"readOnly\":true}},"
	    "\"required\":[\"id\",\"parts\"]}");
	same(&specimen_entity, buf_str(&b), want);
	buf_free(&b);
}

/* Faults: what is wrong, all of it, in exact words. */
struct wrong { const struct entity *e; enum desc_view v; const char *json, *faults; };

static void check_faults(const struct wrong *w)
{
	struct arena a = ARENA(MEM);
	struct buf b = BUF(10000);
	struct faults f = { .a = &a };
	char *obj = arena_need(&a, 1, w->e->size);
	int err = desc_read(&a, obj, w->e, parsed(&a, str_c(w->json)), w->v, S(""), &f);
	faults_write(&f, &b);
	if (!str_eq(buf_str(&b), str_c(w->faults)))
		fail_msg("%s\ngave\n%.*s\nnot\n%s", w->json, STR_ARG(buf_str(&b)), w->faults);
	assert_int_equal(err, f.n > 0 ? EINVAL : 0);
	buf_free(&b);
	arena_free(&a);
}

#define GOOD "\"id\":\"x\",\"parts\":[{\"name\":\"p\"}]"

static void the_api_refuses_and_says_why(void **state)
{
	(void)state;
	const struct entity *e = &specimen_entity;
	const struct wrong row[] = {
		{ e, V_API, "{" GOOD "}", "" },
		{ e, V_API, "{" GOOD ",\"note\":null,\"since\":null,\"severity\":null,\"wait\":null,\"details\":null}", "" },
		{ e, V_API, "[]", "must be an object, not an array\n" },
		{ e, V_API, "{}", "id: is required\nparts: is required\n" },
		{ e, V_API, "{\"id\":\"\",\"parts\":[]}", "id: must not be empty\nparts: needs at least 1 element\n" },
		{ e, V_API, "{\"id\":null,\"parts\":null}",
		  "id: must be a string, not null\nparts: must be a list of objects, not null\n" },
		{ e, V_API, "{" GOOD ",\"mail\":\"\"}", "" },
		{ e, V_API, "{" GOOD ",\"mail\":\"ab\"}", "mail: shorter than 3 bytes\n" },
		{ e, V_API, "{" GOOD ",\"note\":\"caf\xc3\xa9 caf\xc3\xa9\"}", "note: longer than 8 bytes\n" },
		{ e, V_API, "{" GOOD ",\"note\":7,\"mail\":true}",
		  "note: must be a string, not an integer\nmail: must be a string, not a boolean\n" },
		{ e, V_API, "{" GOOD ",\"count\":6}", "count: must be -5..5\n" },
		{ e, V_API, "{" GOOD ",\"count\":-6}", "count: must be -5..5\n" },
		{ e, V_API, "{" GOOD ",\"count\":\"5\",\"total\":1.5}",
		  "count: must be an integer, not a string\ntotal: must be an integer, not a number\n" },
		{ e, V_API, "{" GOOD ",\"is_on\":1}", "is_on: must be true or false, not an integer\n" },
		{ e, V_API, "{" GOOD ",\"is_on\":\"true\"}", "is_on: must be true or false, not a string\n" },
		{ e, V_API, "{" GOOD ",\"since\":5}", "since: must be a time such as 2026-01-02T03:04:05Z, not an integer\n" },
		{ e, V_API, "{" GOOD ",\"since\":\"now\"}", "since: must be a time such as 2026-01-02T03:04:05Z, not \"now\"\n" },
		{ e, V_API, "{" GOOD ",\"wait\":\"15\"}", "wait: must be a duration such as 90s, 15m or 1h45m, not \"15\"\n" },
		{ e, V_API, "{" GOOD ",\"wait\":900}", "wait: must be a duration such as 90s, 15m or 1h45m, not an integer\n" },
		{ e, V_API, "{" GOOD ",\"wait\":\"2h\"}", "wait: must be 1s..1h\n" },
		{ e, V_API, "{" GOOD ",\"severity\":0}", "severity: must be 1..5\n" },
		{ e, V_API, "{" GOOD ",\"severity\":\"high\"}", "" },
		{ e, V_API, "{" GOOD ",\"severity\":\"bad\"}",
		  "severity: must be a severity: critical, high, medium, low, info or 5..1, not \"bad\"\n" },
		{ e, V_API, "{" GOOD ",\"severity\":[]}",
		  "severity: must be a severity: critical, high, medium, low, info or 5..1, not an array\n" },
		{ e, V_API, "{" GOOD ",\"colour\":\"blue\"}", "colour: unknown value \"blue\"; one of: red, green\n" },
		{ e, V_API, "{" GOOD ",\"colour\":1}", "colour: must be a string, not an integer\n" },
		{ e, V_API, "{" GOOD ",\"part\":[]}", "part: must be an object, not an array\n" },
		{ e, V_API, "{" GOOD ",\"part\":{}}", "part.name: is required\n" },
		{ e, V_API, "{\"id\":\"x\",\"parts\":[{\"name\":\"123456789\"},7]}",
		  "parts[0].name: longer than 8 bytes\nparts[1]: must be an object, not an integer\n" },
		{ e, V_API, "{\"id\":\"x\",\"parts\":[{},{},{}]}", "parts: more than 2 elements\n" },
		{ e, V_API, "{" GOOD ",\"tags\":\"a\"}", "tags: must be a list of strings, not a string\n" },
		{ e, V_API, "{" GOOD ",\"tags\":[\"a\",1]}", "tags[1]: must be a string, not an integer\n" },
		{ e, V_API, "{" GOOD ",\"tags\":[\"a\",\"b\",\"c\"]}", "tags: more than 2 elements\n" },
		{ e, V_API, "{" GOOD ",\"labels\":[]}", "labels: must be an object of strings, not an array\n" },
		{ e, V_API, "{" GOOD ",\"labels\":{\"a\":null}}", "labels.a: must be a string, not null\n" },
		{ e, V_API, "{" GOOD ",\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\"}}", "labels: more than 2 elements\n" },
		{ e, V_API, "{" GOOD ",\"given\":1,\"shown\":1}", "given: is read-only\nshown: is read-only\n" },
		{ e, V_API, "{" GOOD ",\"hidden\":1}", "hidden: unknown member\n" },
		{ e, V_API, "{" GOOD ",\"secret\":{\"env\":\"X\"}}", "secret: unknown member\n" },
		{ e, V_API, "{" GOOD ",\"coutn\":1}", "coutn: unknown member; did you mean \"count\"?\n" },
		{ e, V_API, "{" GOOD ",\"hiden\":1,\"givem\":1}", "hiden: unknown member\ngivem: unknown member\n" },
		{ e, V_API, "{" GOOD ",\"part\":{\"name\":\"p\",\"naem\":1}}",
		  "part.naem: unknown member; did you mean \"name\"?\n" },
		{ &incident_entity, V_API, "{\"title\":\"\",\"severity\":9,\"links\":[{},{\"href\":1}],\"tilte\":1}",
		  "title: must not be empty\nseverity: must be 1..5\nlinks[0].href: is required\n"
		  "links[1].href: must be a string, not an integer\n"
		  "tilte: unknown member; did you mean \"title\"?\nservice: is required\n" },
	};
	for (size_t i = 0; i < COUNT(row); i++)
		check_faults(&row[i]);
}

static void the_door_overlooks_what_it_does_not_know(void **state)
{
	(void)state;
	const struct entity *e = &specimen_entity;
	const struct wrong row[] = {
		{ e, V_DOOR, "{" GOOD ",\"coutn\":1,\"given\":\"x\",\"hidden\":[],\"secret\":1,\"part\":{\"name\":\"p\","
		  "\"key\":1}}",
		  "" },
		{ e, V_DOOR, "{" GOOD ",\"mail\":null,\"tags\":null,\"count\":null}", "" },
		{ e, V_DOOR, "{\"id\":null,\"parts\":null}", "id: is required\nparts: is required\n" },
		{ e, V_DOOR, "{" GOOD ",\"count\":6,\"tags\":1}",
		  "count: must be -5..5\ntags: must be a list of strings, not an integer\n" },
	};
	for (size_t i = 0; i < COUNT(row); i++)
		check_faults(&row[i]);
}

static void the_store_takes_what_was_once_right(void **state)
{
	(void)state;
	const struct entity *e = &specimen_entity;
	const struct wrong row[] = {
		{ e, V_STORE, "{}", "" },
		{ e, V_STORE, "{\"id\":\"longer than eight\",\"mail\":\"a\",\"count\":99,\"wait\":\"9h\",\"severity\":9,"
		  "\"tags\":[\"\",\"\",\"\"],\"newer\":1}",
		  "" },
		{ e, V_STORE, "{\"note\":null,\"parts\":null,\"shown\":[]}", "" },
		{ e, V_STORE, "{\"id\":1,\"colour\":\"blue\"}",
		  "id: must be a string, not an integer\ncolour: unknown value \"blue\"; one of: red, green\n" },
	};
	for (size_t i = 0; i < COUNT(row); i++)
		check_faults(&row[i]);
}

static void the_configuration_is_refused_with_words_of_its_own(void **state)
{
	(void)state;
	const struct entity *e = &specimen_entity;
	const struct wrong row[] = {
		{ e, V_CONFIG, "{" GOOD ",\"count\":\"-5\",\"is_on\":\"true\",\"severity\":\"3\",\"wait\":\"90s\","
		  "\"secret\":{\"env\":\"X\"}}",
		  "" },
		{ e, V_CONFIG, "{" GOOD ",\"count\":\"6\"}", "count: must be -5..5\n" },
		{ e, V_CONFIG, "{" GOOD ",\"count\":\"5x\"}", "count: must be an integer, not \"5x\"\n" },
		{ e, V_CONFIG, "{" GOOD ",\"is_on\":\"yes\"}", "is_on: must be true or false, not \"yes\"\n" },
		{ e, V_CONFIG, "{" GOOD ",\"tags\":\"a\"}", "tags: must be a list of strings, not \"a\"\n" },
		{ e, V_CONFIG, "{" GOOD ",\"part\":\"\"}", "part: must be an object, not \"\"\n" },
		{ e, V_CONFIG, "{" GOOD ",\"colour\":\"blue\"}", "colour: unknown value \"blue\"; one of: red, green\n" },
		{ e, V_CONFIG, "{" GOOD ",\"sevrity\":1,\"given\":1}",
		  "sevrity: unknown key; did you mean \"severity\"?\ngiven: unknown key\n" },
		{ e, V_CONFIG, "{" GOOD ",\"zz\":1}", "zz: unknown key\n" },
		{ e, V_CONFIG, "{" GOOD ",\"secret\":\"hunter2\"}",
		  "secret: a secret must be a reference such as {env: NAME}, not a literal\n" },
		{ e, V_CONFIG, "{" GOOD ",\"secret\":{}}", "secret: a secret must have exactly one of env and file\n" },
		{ e, V_CONFIG, "{" GOOD ",\"secret\":{\"env\":\"A\",\"file\":\"B\"}}",
		  "secret: a secret must have exactly one of env and file\n" },
		{ e, V_CONFIG, "{" GOOD ",\"secret\":{\"enf\":\"A\"}}",
		  "secret.enf: unknown key; a secret is {env: NAME} or {file: PATH}\n" },
		{ e, V_CONFIG, "{" GOOD ",\"secret\":{\"env\":\"\"}}", "secret.env: must not be empty\n" },
		{ e, V_CONFIG, "{" GOOD ",\"secret\":{\"env\":[]}}", "secret.env: must be a string, not an array\n" },
		{ e, V_CONFIG, "{" GOOD ",\"secrets\":\"hunter2\"}",
		  "secrets: must be an object of secrets such as {NAME: {env: VARIABLE}}\n" },
		{ e, V_CONFIG, "{" GOOD ",\"secrets\":{\"a\":\"hunter2\"}}",
		  "secrets.a: a secret must be a reference such as {env: NAME}, not a literal\n" },
		{ e, V_CONFIG, "{" GOOD ",\"secrets\":{\"a\":{\"env\":\"A\"},\"b\":{\"env\":\"A\"},\"c\":1}}",
		  "secrets: more than 2 elements\n" },
		{ e, V_CONFIG, "{\"id\":\"x\",\"parts\":[{\"name\":\"p\",\"key\":\"hunter2\"}]}",
		  "parts[0].key: a secret must be a reference such as {env: NAME}, not a literal\n" },
		{ &policy_entity, V_CONFIG, "{\"id\":\"x\",\"levels\":[{\"targets\":[\"user:a\"]},{\"timeuot\":\"5m\","
		  "\"timeout\":\"8d\"}],\"repeat\":\"10\"}",
		  "levels[1].timeuot: unknown key; did you mean \"timeout\"?\nlevels[1].timeout: must be 0s..7d\n"
		  "repeat: must be 0..9\n" },
	};
	for (size_t i = 0; i < COUNT(row); i++)
		check_faults(&row[i]);
}

static void faults_have_a_place_and_are_not_without_end(void **state)
{
	(void)state;
	struct arena a = ARENA(MEM);
	struct buf json = BUF(MEM), b = BUF(MEM);
	struct faults f = { .a = &a };
	struct specimen s;
	buf_add(&json, S("{" GOOD ",\""));
	for (int i = 0; i < 1000; i++)
		buf_add(&json, S("\xc3\xa9"));
	buf_add(&json, S("\":1"));
	for (int i = 0; i < 150; i++)
		buf_fmt(&json, ",\"member %d\":1", i);
	buf_add(&json, S("}"));
	const struct jv *j = parsed(&a, buf_str(&json));
	assert_int_equal(desc_read(&a, &s, &specimen_entity, j, V_API, S("items[3]"), &f), EINVAL);
	assert_int_equal(f.n, 151);
	assert_ptr_equal(f.head->at, j->kid->next->next);
	assert_int_equal(f.head->path.n, strlen("items[3].") + 64);
	assert_true(str_is_utf8(f.head->path));
	assert_true(str_eq(f.head->next->path, S("items[3].member 0")));
	faults_write(&f, &b);
	assert_non_null(strstr(b.p, "items[3].member 98: unknown member\nand 51 more\n"));
	assert_null(strstr(b.p, "member 99"));
	buf_free(&json);
	buf_free(&b);
	arena_free(&a);
}

static void long_texts_are_quoted_in_part(void **state)
{
	(void)state;
	check_faults(&(struct wrong){ &specimen_entity, V_API,
	    "{" GOOD ",\"wait\":\"1234567890123456789012345678901234567890123456789012345678901234\xc3\xa9\"}",
	    "wait: must be a duration such as 90s, 15m or 1h45m, not "
	    "\"1234567890123456789012345678901234567890123456789012345678901234\"...\n" });
	struct arena a = ARENA(10000);
	struct faults f = { .a = &a };
	char text[3000];
	for (size_t i = 0; i < sizeof text; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	fault_add(&f, NULL, S("p"), "%.*s", (int)sizeof text, text);
	assert_int_equal(f.head->what.n, 1023);
	assert_true(str_is_utf8(f.head->what));
	arena_free(&a);
}

static void a_full_arena_is_a_fault_not_a_crash(void **state)
{
	(void)state;
	struct arena tree = ARENA(MEM), text = ARENA(MEM);
	const char *json = "{" GOOD ",\"tags\":[\"a\",\"b\"],\"labels\":{\"a\":\"b\"},\"secrets\":{\"a\":{\"env\":\"x\"}},"
	  "\"newer\":1,\"newest\":{}}";
	const struct jv *j = parsed(&tree, str_c(json));
	for (size_t limit = 0; limit < 1000; limit++) {
		struct arena a = ARENA(limit);
		struct faults f = { .a = &a };
		struct specimen s;
		int err = desc_read(&a, &s, &specimen_entity, j, V_STORE, S(""), &f);
		assert_int_equal(err, f.n ? EINVAL : 0);
		assert_true(limit > 0 || f.n > 0);
		assert_true(limit < 999 || f.n == 0);
		arena_free(&a);
	}
	arena_free(&tree);
	arena_free(&text);
}

static void note_secret(void *ctx, struct str path, struct secret *s)
{
	buf_fmt(ctx, "%.*s=%.*s%.*s ", STR_ARG(path), STR_ARG(s->env), STR_ARG(s->file));
	s->value = S("found");
}

static void every_secret_is_visited_with_its_path(void **state)
{
	(void)state;
	struct arena a = ARENA(MEM);
	struct buf b = BUF(1000);
	struct specimen *s = (struct specimen *)(void *)read_back(&a, &specimen_entity, parsed(&a,
	    S("{\"id\":\"x\",\"parts\":[{\"name\":\"p\"},{\"name\":\"q\",\"key\":{\"file\":\"/k\"}}],\"part\":{\"name\":\"r\","
	      "\"key\":{\"env\":\"P\"}},"
	      "\"secret\":{\"env\":\"S\"},\"secrets\":{\"a\":{\"env\":\"A\"},\"b\":{\"file\":\"/b\"}}}")), V_CONFIG);
	desc_secrets(&a, &specimen_entity, s, S("sources[0]"), note_secret, &b);
	assert_string_equal(b.p, "sources[0].part.key=P sources[0].parts[1].key=/k sources[0].secret=S "
	    "sources[0].secrets.a=A sources[0].secrets.b=/b ");
	assert_true(str_eq(s->secrets.v[1].secret.value, S("found")));
	assert_true(str_eq(s->parts.v[1].key.value, S("found")));
	assert_int_equal(s->parts.v[0].key.value.n, 0);
	buf_clear(&b);
	desc_secrets(&a, &part_entity, &s->part, S(""), note_secret, &b);
	assert_string_equal(b.p, "key=P ");
	buf_free(&b);
	arena_free(&a);
}

static void words_and_numbers_match(void **state)
{
	(void)state;
	static const struct { const char *word; int64_t severity; } row[] = {
		{ "critical", 5 }, { "high", 4 }, { "error", 4 }, { "medium", 3 }, { "warning", 3 }, { "low", 2 }, { "info", 1 },
		{ "1", 1 },
		{ "5", 5 }, { "0", 0 }, { "6", 0 }, { "", 0 }, { "Critical", 0 }, { "page", 0 },
	};
	for (size_t i = 0; i < COUNT(row); i++)
		assert_int_equal(severity_value(str_c(row[i].word)), row[i].severity);
	for (int64_t i = 1; i <= 5; i++)
		assert_int_equal(severity_value(severity_name(i)), i);
	assert_int_equal(severity_name(0).n + severity_name(6).n, 0);
	assert_int_equal(enum_value(&incident_status_names, S("acknowledged")), ACKNOWLEDGED);
	assert_int_equal(enum_value(&incident_status_names, S("Acknowledged")), -1);
	assert_int_equal(enum_value(&incident_status_names, S("")), -1);
	assert_true(str_eq(enum_word(&incident_status_names, RESOLVED), S("resolved")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_an_exact_form),
		cmocka_unit_test(a_schema_says_what_the_reader_checks),
		cmocka_unit_test(each_view_has_its_own_form_of_nothing),
		cmocka_unit_test(each_view_has_its_own_form_of_something),
		cmocka_unit_test(the_api_refuses_and_says_why),
		cmocka_unit_test(the_door_overlooks_what_it_does_not_know),
		cmocka_unit_test(the_store_takes_what_was_once_right),
		cmocka_unit_test(the_configuration_is_refused_with_words_of_its_own),
		cmocka_unit_test(faults_have_a_place_and_are_not_without_end),
		cmocka_unit_test(long_texts_are_quoted_in_part),
		cmocka_unit_test(a_full_arena_is_a_fault_not_a_crash),
		cmocka_unit_test(every_secret_is_visited_with_its_path),
		cmocka_unit_test(words_and_numbers_match),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
