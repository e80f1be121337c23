/* Every source, one line each: SOURCE(file). Included by source.h for the declarations and by table.c for the table. */
SOURCE(events_v2)
SOURCE(generic)
