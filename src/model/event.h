/* event.h - what a source makes of foreign bytes: one thing that its sender wants us to know. */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H
#include "model/incident.h"

#define EVENT_ACTION(X) X(EVENT_TRIGGER, "trigger") X(EVENT_ACKNOWLEDGE, "acknowledge") X(EVENT_RESOLVE, "resolve")
ENUM_TYPE(event_action, EVENT_ACTION);

struct event {
	enum event_action action;
	struct str integration;      /* whose key opened the door; dedup keys live inside it */
	struct str service;          /* what it is about */
	struct str via;              /* the source's name: events_v2, generic, api */
	struct str dedup_key;        /* empty on a trigger: a new alert every time */
	struct str title, description;
	int64_t severity;            /* 1..5 */
	struct map labels;
	struct strs tags;
	struct link_list links;
	const struct jv *details;
	int64_t at;                  /* when the sender says it happened, ms UTC; 0: not said */
	struct str idempotency_key;  /* empty: none was sent */
	struct str fingerprint;      /* hex SHA-256 of the request body, set when there is an idempotency key */
};
#endif
