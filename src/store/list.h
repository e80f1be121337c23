/* Every backend, one line each: BACKEND(name). The name is what the configuration says; name.c has name_open, name_schema and name_migrate. */
BACKEND(memory)
BACKEND(json)
BACKEND(sqlite)
BACKEND(postgres)
BACKEND(dynamodb)
