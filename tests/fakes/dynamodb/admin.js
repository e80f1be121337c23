/* Tables: made, described, listed, dropped; and which attribute says when items expire.
 *
 * Expired items stay until POST /_control asks for their removal (control.js): the real service takes its time too, days of it, and no test
 * should come to rely on a fast one.
 */
'use strict';

const crypto = require('crypto');

const { Refusal, invalid, bad_parameter } = require('./errors');

const LIST_MAX = 100;
const LOCAL_MAX = 5;
const GLOBAL_MAX = 20;
const ARN = 'arn:aws:dynamodb:us-east-1:000000000000:table/';

function check_schema(schema, what) {
	const [first, second] = schema;
	if (first.KeyType !== 'HASH') {
		throw invalid(`${what}Invalid KeySchema: The first KeySchemaElement is not a HASH key type`);
	}
	if (second && second.KeyType !== 'RANGE') {
		throw invalid(`${what}Invalid KeySchema: The second KeySchemaElement is not a RANGE key type`);
	}
	if (second && second.AttributeName === first.AttributeName) {
		throw invalid(`${what}Both the Hash Key and the Range Key element in the KeySchema have the same name`);
	}
}

function check_definitions(request, indexes) {
	const schemas = [request.KeySchema, ...indexes.map((i) => i.KeySchema)];
	const used = new Set(schemas.flat().map((k) => k.AttributeName));
	const defined = request.AttributeDefinitions.map((d) => d.AttributeName);
	if (new Set(defined).size !== defined.length) {
		throw bad_parameter('Duplicate AttributeName in AttributeDefinitions');
	}
	const missing = [...used].filter((name) => !defined.includes(name));
	if (missing.length) {
		throw bad_parameter('Some index key attributes are not defined in AttributeDefinitions. '
			+ `Keys: [${missing.join(', ')}], AttributeDefinitions: [${defined.join(', ')}]`);
	}
	if (used.size !== defined.length) {
		throw bad_parameter('Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions');
	}
}

function check_projection({ IndexName, Projection: { ProjectionType, NonKeyAttributes } }) {
	if (ProjectionType === undefined) {
		throw bad_parameter('Unknown ProjectionType: null');
	}
	if (ProjectionType !== 'INCLUDE' && NonKeyAttributes) {
		throw bad_parameter(`ProjectionType is ${ProjectionType}, but NonKeyAttributes is specified`);
	}
	if (ProjectionType === 'INCLUDE' && !NonKeyAttributes) {
		throw bad_parameter(`ProjectionType is INCLUDE, but NonKeyAttributes is not specified: ${IndexName}`);
	}
}

function check_indexes(request, local, global) {
	const names = [...local, ...global].map((i) => i.IndexName);
	const twice = names.find((n, i) => names.indexOf(n) !== i);
	if (twice) {
		throw bad_parameter(`Duplicate index name: ${twice}`);
	}
	if (local.length > LOCAL_MAX) {
		throw bad_parameter(`Number of LocalSecondaryIndexes exceeds per-table limit of ${LOCAL_MAX}`);
	}
	if (global.length > GLOBAL_MAX) {
		throw bad_parameter(`GlobalSecondaryIndex count exceeds the per-table limit of ${GLOBAL_MAX}`);
	}
	if (local.length && request.KeySchema.length < 2) {
		throw bad_parameter('Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex');
	}
	for (const index of [...local, ...global]) {
		check_schema(index.KeySchema, '');
		check_projection(index);
	}
	const odd = local.find((i) => i.KeySchema.length < 2 || i.KeySchema[0].AttributeName !== request.KeySchema[0].AttributeName);
	if (odd) {
		throw bad_parameter(odd.KeySchema.length < 2 ? `Index KeySchema does not have a range key for index: ${odd.IndexName}`
			: `Index KeySchema does not have the same leading hash key as table KeySchema for index: ${odd.IndexName}. `
				+ `index hash key: ${odd.KeySchema[0].AttributeName}, table hash key: ${request.KeySchema[0].AttributeName}`);
	}
}

function check_billing({ BillingMode, ProvisionedThroughput }) {
	if (BillingMode === 'PAY_PER_REQUEST' && ProvisionedThroughput) {
		throw bad_parameter('Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST');
	}
	if (BillingMode !== 'PAY_PER_REQUEST' && !ProvisionedThroughput) {
		throw bad_parameter('ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED');
	}
}

function create_table(database, request) {
	const local = request.LocalSecondaryIndexes || [];
	const global = request.GlobalSecondaryIndexes || [];
	if ((request.LocalSecondaryIndexes && !local.length) || (request.GlobalSecondaryIndexes && !global.length)) {
		throw bad_parameter('List of SecondaryIndexes is empty');
	}
	check_billing(request);
	check_schema(request.KeySchema, '');
	check_definitions(request, [...local, ...global]);
	check_indexes(request, local, global);
	if (database.tables.has(request.TableName)) {
		throw new Refusal('ResourceInUseException', `Table already exists: ${request.TableName}`);
	}
	const table = database.add_table({ ...request, CreationDateTime: database.now() / 1000, TableId: crypto.randomUUID() });
	return { TableDescription: described(database, table, 'CREATING') };
}

function capacity(given) {
	return { NumberOfDecreasesToday: 0, ReadCapacityUnits: 0, WriteCapacityUnits: 0, ...given };
}

function index_described(table, index, more) {
	const view = table.view(index.IndexName);
	return {
		IndexName: index.IndexName, KeySchema: index.KeySchema, Projection: index.Projection, IndexSizeBytes: 0,
		ItemCount: view.rows.size,
		IndexArn: `${ARN}${table.name}/index/${index.IndexName}`, ...more,
	};
}

function described(database, table, status) {
	const d = table.description;
	const local = (d.LocalSecondaryIndexes || []).map((i) => index_described(table, i, {}));
	const global = (d.GlobalSecondaryIndexes || []).map((i) => index_described(table, i,
		{ IndexStatus: status, ProvisionedThroughput: capacity(i.ProvisionedThroughput) }));
	return {
		AttributeDefinitions: d.AttributeDefinitions, TableName: table.name, KeySchema: d.KeySchema, TableStatus: status,
		CreationDateTime: d.CreationDateTime, ProvisionedThroughput: capacity(d.ProvisionedThroughput),
		TableSizeBytes: table.bytes, ItemCount: table.base.rows.size, TableArn: ARN + table.name, TableId: d.TableId,
		...(d.BillingMode === 'PAY_PER_REQUEST' ? { BillingModeSummary: { BillingMode: d.BillingMode } } : {}),
		...(local.length ? { LocalSecondaryIndexes: local } : {}),
		...(global.length ? { GlobalSecondaryIndexes: global } : {}),
		DeletionProtectionEnabled: Boolean(d.DeletionProtectionEnabled),
	};
}

/* A table in whatever state. */
function any_table(database, name) {
	const table = database.tables.get(name);
	if (!table) {
		throw new Refusal('ResourceNotFoundException', `Requested resource not found: Table: ${name} not found`);
	}
	return table;
}

function describe_table(database, { TableName }) {
	const table = any_table(database, TableName);
	return { Table: described(database, table, database.status(table)) };
}

function delete_table(database, { TableName }) {
	const table = any_table(database, TableName);
	if (database.status(table) !== 'ACTIVE') {
		throw new Refusal('ResourceInUseException',
			`Attempt to change a resource which is still in use: Table is being created: ${TableName}`);
	}
	if (table.description.DeletionProtectionEnabled) {
		throw invalid('Resource cannot be deleted as it is currently protected against deletion. '
			+ `Disable deletion protection first: ${TableName}`);
	}
	database.drop_table(TableName);
	return { TableDescription: described(database, table, 'DELETING') };
}

function list_tables(database, { ExclusiveStartTableName: after = '', Limit: limit = LIST_MAX }) {
	const names = [...database.tables.keys()].filter((n) => n > after).sort();
	const page = names.slice(0, limit);
	return { TableNames: page, ...(names.length > limit ? { LastEvaluatedTableName: page[limit - 1] } : {}) };
}

function update_ttl(database, { TableName, TimeToLiveSpecification: wanted }) {
	const table = database.table(TableName);
	if (wanted.Enabled && table.ttl !== undefined) {
		throw invalid(table.ttl === wanted.AttributeName ? 'TimeToLive is already enabled'
			: `TimeToLive is active on a different AttributeName: current AttributeName is ${table.ttl}`);
	}
	if (!wanted.Enabled && table.ttl === undefined) {
		throw invalid('TimeToLive is already disabled');
	}
	database.set_ttl(table, wanted.Enabled ? wanted.AttributeName : undefined);
	return { TimeToLiveSpecification: wanted };
}

function describe_ttl(database, { TableName }) {
	const { ttl } = any_table(database, TableName);
	return { TimeToLiveDescription: ttl === undefined ? { TimeToLiveStatus: 'DISABLED' }
		: { TimeToLiveStatus: 'ENABLED', AttributeName: ttl } };
}

module.exports = {
	OPERATIONS: {
		CreateTable: create_table, DescribeTable: describe_table, DeleteTable: delete_table, ListTables: list_tables,
		UpdateTimeToLive: update_ttl, DescribeTimeToLive: describe_ttl,
	},
};
