/* Signatures: published and computed vectors, and what the server says to requests that are not signed as they should be. */
'use strict';

const assert = require('assert');

const sigv4 = require('../dynamodb/sigv4');

const ID = 'AKIDEXAMPLE';
const { secret } = sigv4.CREDENTIALS[ID];
const DATE = '20260102T030405Z';
const FORM = 'application/x-www-form-urlencoded; charset=utf-8';

/* name: { request, region, service, canonical path and query, hash of the canonical request, signature }. The first is AWS's own get-vanilla;
 * the others were computed with botocore. */
const VECTORS = {
	get_vanilla: {
		request: { method: 'GET', path: '/', query: '',
			headers: { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' }, body: '' },
		region: 'us-east-1', service: 'service',
		signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
	},
	sns_with_token: {
		request: {
			method: 'POST', path: '/', query: '',
			body: 'Action=Publish&Version=2010-03-31&PhoneNumber=%2B15555550100&Message=disk+97%25+on+db1',
			headers: { 'content-type': FORM, host: 'sns.us-east-1.amazonaws.com', 'x-amz-date': DATE,
				'x-amz-security-token': 'SESSIONTOKEN/EXAMPLE==' },
		},
		region: 'us-east-1', service: 'sns', hash: 'ff221097fd3fd21c8e5e8649e6b189424ce2ae7303bbbf92d14465104ebd8604',
		signature: '1f654f63465da1e4d62910fc46c3eadaf5b96a76534660ded8410477a50ce33b',
	},
	dynamodb_get_item: {
		request: {
			method: 'POST', path: '/', query: '', body: '{"TableName":"pager","Key":{"pk":{"S":"INC#42"}}}',
			headers: { 'content-type': 'application/x-amz-json-1.0', host: 'dynamodb.eu-west-1.amazonaws.com', 'x-amz-date': DATE,
				'x-amz-target': 'DynamoDB_20120810.GetItem' },
		},
		region: 'eu-west-1', service: 'dynamodb', hash: 'dfd472ff3c4974407648950ab3921130d401f0d72da827c4f77e7dbc37b5cb1f',
		signature: '3e5f88a052aed834e8e8df30cc1e4464870eacaa53adcf833d799fbbd1e54eef',
	},
	path_and_query: {
		request: { method: 'GET', path: '/a%20b/c', query: 'Param2=value2&Param1=a%2Fb&Param1=', body: '',
			headers: { host: 'example.us-east-1.amazonaws.com', 'x-amz-date': DATE } },
		region: 'us-east-1', service: 'service',
		signature: '4ef756474b6c3f7cc877945157852a4aac849877d400b8f0c671a6c1204136ec',
	},
};

/* What is done to a good request: the error that follows. */
const SPOILED = [
	['no signature', { after: { authorization: undefined } }, 'MissingAuthenticationTokenException'],
	['another scheme', { after: { authorization: 'Basic dXNlcjpwYXNz' } }, 'MissingAuthenticationTokenException'],
	['only a credential', { after: { authorization: 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/dynamodb/aws4_request' } },
		'IncompleteSignatureException'],
	['no date', { after: { 'x-amz-date': undefined } }, 'IncompleteSignatureException'],
	['an unknown id', { id: 'AKIDNOBODY' }, 'UnrecognizedClientException'],
	['a name that every object has', { id: 'constructor' }, 'UnrecognizedClientException'],
	['another secret', { secret: secret + 'x' }, 'InvalidSignatureException'],
	['another service', { service: 'sns' }, 'InvalidSignatureException'],
	['another target than was signed', { after: { 'x-amz-target': 'DynamoDB_20120810.DescribeTable' } }, 'InvalidSignatureException'],
	['a header that is not signed', { after: { 'x-amz-meta': 'x' } }, 'InvalidSignatureException'],
	['a time six minutes past', { now_ms: Date.now() - 360000 }, 'InvalidSignatureException'],
	['a time six minutes ahead', { now_ms: Date.now() + 360000 }, 'InvalidSignatureException'],
	['a token of somebody else', { headers: { 'x-amz-security-token': 'x' } }, 'UnrecognizedClientException'],
	['temporary credentials without their token', { id: 'ASIAEXAMPLE' }, 'UnrecognizedClientException'],
	['expired credentials', { id: 'ASIAEXPIRED', headers: { 'x-amz-security-token': 'SESSIONTOKEN/EXPIRED==' } }, 'ExpiredTokenException'],
];

module.exports = {
	signatures_are_those_of_the_published_vectors() {
		for (const [name, { request, region, service, hash, signature }] of Object.entries(VECTORS)) {
			const made = sigv4.sign(request, { id: ID, secret, region, service });
			assert.equal(made.split('Signature=')[1], signature, name);
			if (hash) {
				const canonical = sigv4.canonical_request(request, Object.keys(request.headers).sort(),
					sigv4.sha256(request.body));
				assert.equal(sigv4.sha256(canonical), hash, name);
			}
		}
	},

	paths_are_encoded_twice_and_queries_sorted() {
		assert.equal(sigv4.canonical_path('/a%20b/c'), '/a%2520b/c');
		assert.equal(sigv4.canonical_path(''), '/');
		assert.equal(sigv4.canonical_query('Param2=value2&Param1=a%2Fb&Param1='), 'Param1=&Param1=a%2Fb&Param2=value2');
	},

	a_signing_key_is_made_in_four_steps() {
		const key = sigv4.signing_key(secret, '20260102/us-east-1/sns/aws4_request').toString('hex');
		assert.equal(key, '66c7a27937e334278fee9e2682270572f6d77c760082690ceb2c6ed9c67af6d5');
	},

	async requests_that_are_not_signed_as_they_should_be_are_refused(start) {
		const { client } = await start();
		assert.equal((await client.call('ListTables', {})).status, 200);
		for (const [what, change, type] of SPOILED) {
			const answer = await client.call('ListTables', {}, change);
			assert.deepEqual([answer.status, answer.type], [400, type], what);
		}
	},

	async a_body_changed_on_the_way_is_refused(start) {
		const { client } = await start();
		assert.equal((await client.call('ListTables', { Limit: 1 }, { sent: '{"Limit":1}' })).status, 200);
		assert.equal((await client.call('ListTables', { Limit: 1 }, { sent: '{"Limit":2}' })).type, 'InvalidSignatureException');
	},

	async temporary_credentials_are_good_with_their_token(start) {
		const { client } = await start();
		const answer = await client.call('ListTables', {},
			{ id: 'ASIAEXAMPLE', headers: { 'x-amz-security-token': 'SESSIONTOKEN/EXAMPLE==' } });
		assert.equal(answer.status, 200);
	},

	async a_clock_that_is_wrong_shows_in_the_date_and_makes_signatures_expire(start) {
		const { client } = await start('--clock-skew-ms', '3600000');
		const refused = await client.call('ListTables', {});
		assert.equal(refused.type, 'InvalidSignatureException');
		const server_ms = Date.parse(refused.headers.date);
		assert.ok(Math.abs(server_ms - Date.now() - 3600000) < 60000);
		assert.equal((await client.call('ListTables', {}, { now_ms: server_ms })).status, 200);
		await client.control({ clock_skew_ms: 0 });
		assert.equal((await client.call('ListTables', {})).status, 200);
	},
};
