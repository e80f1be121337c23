/* kinds.h - every entity by number: KIND_INCIDENT, ... and the table behind model/list.h. */
#ifndef MODEL_KINDS_H
#define MODEL_KINDS_H
#include "model/config.h"
#include "model/incident.h"
#include "model/replica.h"

enum kind {
#define ENTITY(name, append_only, fleeting) KIND_##name,
#include "model/list.h"
#undef ENTITY
	KINDS
};
struct kind_row { const struct entity *entity; bool is_append_only, is_fleeting; };
extern const struct kind_row kinds[KINDS];
#endif
