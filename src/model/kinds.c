/* kinds.c - the entity tables and the list of them. */
#include "model/event.h"
#include "model/kinds.h"

ENUM_NAMES(incident_status, INCIDENT_STATUS);
ENUM_NAMES(entry_type, ENTRY_TYPE);
ENUM_NAMES(page_status, PAGE_STATUS);
ENUM_NAMES(grouping, GROUPING);
ENUM_NAMES(event_action, EVENT_ACTION);
ENUM_NAMES(region_part, REGION_PART);
ENUM_NAMES(replica_state, REPLICA_STATE);

ENTITY_TABLE(link, LINK, "A link to follow.");
ENTITY_TABLE(incident, INCIDENT, "Something is wrong and somebody must look.");
ENTITY_TABLE(alert, ALERT, "One dedup key of one integration, and the incident it is folded into.");
ENTITY_TABLE(group, GROUP, "The one open incident of a service that groups by service.");
ENTITY_TABLE(entry, ENTRY, "One decision in the timeline of an incident.");
ENTITY_TABLE(page, PAGE, "One notification owed to one address.");
ENTITY_TABLE(receipt, RECEIPT, "An idempotency key that was used.");
ENTITY_TABLE(counter, COUNTER, "A row of numbers handed out in blocks.");
ENTITY_TABLE(token, TOKEN, "A key to the API.");
ENTITY_TABLE(region, REGION, "The part this deployment plays beside another one.");
ENTITY_TABLE(service, SERVICE, "Something that can be in trouble.");
ENTITY_TABLE(level, LEVEL, "One step of an escalation policy.");
ENTITY_TABLE(exhausted, EXHAUSTED, "What happens when nobody answered.");
ENTITY_TABLE(policy, POLICY, "Who is paged, in which order.");
ENTITY_TABLE(user, USER, "A person who can be paged.");
ENTITY_TABLE(integration, INTEGRATION, "A door for alerts.");
ENTITY_TABLE(replica, REPLICA, "One running server of those that share a store.");

const struct kind_row kinds[KINDS] = {
#define ENTITY(name, append_only, fleeting) { &name##_entity, append_only, fleeting },
#include "model/list.h"
#undef ENTITY
};
