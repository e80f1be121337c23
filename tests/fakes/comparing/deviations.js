/* Where a reference is known to answer otherwise, and why ours is left as it is. Each row must be seen in a comparison, or it goes.
 *
 * matches({ step, ours, theirs }) is as narrow as the deviation itself.
 */
'use strict';

const said = (answer) => String(answer.body.message || answer.body.Message || '');
const holds = (step, text) => JSON.stringify(step.request).includes(text);

const DYNALITE = [
	{
		what: 'ReturnValuesOnConditionCheckFailure is not known: the item is left out',
		matches: ({ step, ours, theirs }) => holds(step, '"ReturnValuesOnConditionCheckFailure":"ALL_OLD"')
			&& ours.type === theirs.type && ours.body.Item && !theirs.body.Item,
	},
	{
		what: 'a number with a leading + is refused, which the service takes as it takes any of BigDecimal\'s spellings',
		matches: ({ step, theirs }) => holds(step, '"+4"') && said(theirs).includes('cannot be converted to a numeric value: +4'),
	},
	{
		what: 'SPECIFIC_ATTRIBUTES without a projection is let through',
		matches: ({ step, ours, theirs }) => step.request.Select === 'SPECIFIC_ATTRIBUTES'
			&& said(ours).startsWith('Must specify') && theirs.status === 200,
	},
	{
		what: 'attributes that a global index does not hold are left out of its answers; the service refuses to be asked for them',
		matches: ({ ours, theirs }) => said(ours).includes('does not project') && theirs.status === 200,
	},
	{
		what: 'an update with no old values to show says {"Attributes":{}} where ours says {}',
		matches: ({ ours, theirs }) => JSON.stringify(ours.body) === '{}' && JSON.stringify(theirs.body) === '{"Attributes":{}}',
	},
	{
		what: 'a projection is let through with a Select that wants none of it; the reference of Select says SPECIFIC_ATTRIBUTES or an error',
		matches: ({ ours, theirs }) => said(ours).startsWith('Cannot specify the ProjectionExpression') && theirs.status === 200,
	},
	{
		what: 'ALL_PROJECTED_ATTRIBUTES is let through without an index',
		matches: ({ ours, theirs }) => said(ours).startsWith('ALL_PROJECTED_ATTRIBUTES can be used only') && theirs.status === 200,
	},
	{
		what: 'literals without an order are let through in < <= > >= and BETWEEN',
		matches: ({ ours, theirs }) => /operator: (<|<=|>|>=|BETWEEN), operand type/.test(said(ours))
			&& theirs.type !== 'ValidationException',
	},
	{
		what: 'the empty text has no size',
		matches: ({ step }) => step.op === 'Scan' && step.request.FilterExpression === 'size(e) = :v',
	},
	{
		what: 'maps are never equal',
		matches: ({ step }) => step.op === 'Scan' && step.request.FilterExpression === 'm = :v',
	},
	{
		what: 'a local index is not completed from the table when attributes are asked for that it does not hold',
		matches: ({ step, ours, theirs }) => step.request.IndexName === 'local' && step.request.ProjectionExpression
			&& ours.status === 200 && theirs.status === 200,
	},
	{
		what: 'an update may make the key of an index empty',
		matches: ({ step, ours, theirs }) => step.op === 'UpdateItem'
			&& said(ours).includes('secondary index key is not supported') && theirs.status === 200,
	},
	{
		what: 'elements removed from one list in one update are taken out one after the other, by numbers that have moved',
		matches: ({ step, ours, theirs }) => /REMOVE (\S+)\[\d\], \1\[\d\]/.test(step.request.UpdateExpression)
			&& ours.status === 200 && theirs.status === 200,
	},
	{
		what: 'texts are compared by UTF-16 units where the service compares UTF-8 bytes',
		matches: ({ step }) => holds(step, '\uffff'),
	},
	{
		what: 'a sort key may begin with the empty text',
		matches: ({ step, ours, theirs }) => step.op === 'Query' && /begins_with/.test(step.request.KeyConditionExpression)
			&& said(ours).includes('cannot contain an empty') && theirs.status === 200,
	},
	{
		what: 'sums may have more than 38 digits or be too large',
		matches: ({ step, ours, theirs }) => step.op === 'UpdateItem'
			&& /38 significant digits|Number overflow/.test(said(ours)) && theirs.status === 200,
	},
];

const MOTO = [
	{
		what: 'a repeated ClientRequestToken is done again: it may be cancelled, or change what was changed since',
		matches: ({ step, ours, theirs }) => step.mend && ours.status === 200 && theirs.type === 'TransactionCanceledException',
	},
	{
		what: 'a token that was used with another request is not refused',
		matches: ({ ours }) => ours.type === 'IdempotentParameterMismatchException',
	},
	{
		what: 'a page that ends with the last row has no LastEvaluatedKey; the service has one, as it has not looked further',
		matches: ({ step, ours, theirs }) => step.pages && ours.body.LastEvaluatedKey && !theirs.body.LastEvaluatedKey
			&& ours.body.Count === theirs.body.Count,
	},
	{
		what: 'TransactGetItems may name an item twice',
		matches: ({ step, ours, theirs }) => step.op === 'TransactGetItems'
			&& said(ours).includes('multiple operations on one item') && theirs.status === 200,
	},
];

const MINISTACK = [
	{
		what: 'a difference is rounded to fewer than the 38 digits of the service',
		matches: ({ step, ours, theirs }) => step.op === 'UpdateItem' && step.request.UpdateExpression === 'SET n = n - :v'
			&& (ours.status === 200 || said(ours).includes('38 significant digits')) && theirs.status === 200,
	},
	{
		what: 'of elements set beyond the end of a list in one update some are lost; the service appends each, in the order of their numbers',
		matches: ({ step, ours, theirs }) => /SET (\S+)\[\d\] = :v, \1\[\d\] = :v REMOVE \1\[/.test(step.request.UpdateExpression)
			&& ours.status === 200 && theirs.status === 200,
	},
	{
		what: 'elements removed from one list in one update are taken out one after the other, by numbers that have moved',
		matches: ({ step, ours, theirs }) => /REMOVE (\S+)\[\d\], \1\[\d\]/.test(step.request.UpdateExpression)
			&& ours.status === 200 && theirs.status === 200,
	},
	{
		what: 'a page ends before the row that takes it past 1 MB; ours gives that row too, as dynalite does',
		matches: ({ step, ours, theirs }) => step.op === 'Query' && holds(step, '"large"') && step.pages
			&& ours.body.LastEvaluatedKey && theirs.body.LastEvaluatedKey && ours.body.Count === theirs.body.Count + 1,
	},
	{
		what: 'the length of a table\'s name is not judged',
		matches: ({ step, ours, theirs }) => step.op === 'GetItem' && said(ours).includes('at \'tableName\' failed to satisfy constraint')
			&& theirs.type === 'ResourceNotFoundException',
	},
	{
		what: 'JSON of the wrong kind is a ValidationException; the service does not get as far and says SerializationException',
		matches: ({ ours, theirs }) => ours.type === 'SerializationException' && theirs.type === 'ValidationException',
	},
	{
		what: 'a BatchWriteItem with a request that neither puts nor deletes is let through',
		matches: ({ step, ours, theirs }) => step.op === 'BatchWriteItem' && holds(step, '[{}]')
			&& ours.type === 'ValidationException' && theirs.status === 200,
	},
	{
		what: 'a local index without a sort key is let through',
		matches: ({ step, ours, theirs }) => step.op === 'CreateTable' && said(ours).includes('does not have a range key')
			&& theirs.status === 200,
	},
	{
		what: 'the table with that index is in the way of those of its name that follow',
		matches: ({ step, theirs }) => step.op === 'CreateTable' && said(theirs) === 'Table already exists: other',
	},
	{
		what: 'and is shown with that index',
		matches: ({ step, ours, theirs }) => ['DescribeTable', 'DeleteTable'].includes(step.op) && ours.status === 200
			&& [theirs.body.Table, theirs.body.TableDescription].some((t) => t && t.TableName === 'other' && t.LocalSecondaryIndexes),
	},
];

module.exports = { dynalite: DYNALITE, moto: MOTO, ministack: MINISTACK };
