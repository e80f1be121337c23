/* Every backend, one line each: BACKEND(name). The name is what the configuration says; the file is name.c with name_open in it. */
BACKEND(memory)
BACKEND(json)
BACKEND(sqlite)
