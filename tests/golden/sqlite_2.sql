PRAGMA application_id = 1818322794;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "counters" VALUES('token',0);
CREATE TABLE entries (
    stream INTEGER NOT NULL, sequence INTEGER NOT NULL,
    content TEXT NOT NULL, schema INTEGER NOT NULL, seal TEXT NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (stream, sequence)
) STRICT, WITHOUT ROWID;
INSERT INTO "entries" VALUES(1,1,'{"run_id":"2e5557394bc0a45c71bdf6bf42ca28f5","head":{"name":"till","model":"scripted","instructions":{"content":"You are a helpful assistant.","role":"system"},"params":{},"output_schema":null,"endpoint":{"provider":"","address":"","port":null}},"messages":[{"content":"hello","name":null,"role":"user"}],"limits":{"max_tool_iterations":10,"max_retry":10,"max_output_retries":3,"max_calls_per_turn":128,"model_timeout":600.0,"timeout":null},"scope":{"tenant":"","user":"ann","session":"trip"},"trace_id":"5cff68335ea5ac7b8d35adcbe700068b","parent_trace_id":"","run_group_id":"","policies":[],"awaits_admission":false,"before":[],"after":[],"history":null,"handoff_policies":[],"at":1795956569.0918193,"type":"run_started"}',2,'',4007713281);
INSERT INTO "entries" VALUES(1,2,'{"turn":1,"message_count":2,"tools":["pay"],"params":null,"messages":null,"decisions":[],"hidden":[],"at":1795956569.0929906,"type":"model_requested"}',2,'',3774812522);
INSERT INTO "entries" VALUES(1,3,'{"turn":1,"message":{"content":"Heard hello.","tool_calls":[],"reasoning":null,"refusal":null,"name":null,"provider_fields":null,"role":"assistant"},"finish_reason":"stop","usage":{"input_tokens":10,"output_tokens":2,"total_tokens":12,"cached_input_tokens":0,"reasoning_tokens":0},"model":"scripted","response_id":null,"decisions":[],"latency":0.0006039639993105084,"first_delta":0.0003413519989408087,"at":1795956569.0937767,"type":"model_replied"}',2,'',2249648643);
INSERT INTO "entries" VALUES(1,4,'{"outcome":{"content":"Heard hello.","kind":"completed"},"decisions":[],"at":1795956569.0938294,"type":"run_finished"}',2,'',712243112);
INSERT INTO "entries" VALUES(1,5,'{"run_id":"5f66081ab21a952916e5d06b9aa5a055","head":{"name":"till","model":"scripted","instructions":{"content":"You are a helpful assistant.","role":"system"},"params":{},"output_schema":null,"endpoint":{"provider":"","address":"","port":null}},"messages":[{"content":"pay the train","name":null,"role":"user"}],"limits":{"max_tool_iterations":10,"max_retry":10,"max_output_retries":3,"max_calls_per_turn":128,"model_timeout":600.0,"timeout":null},"scope":{"tenant":"","user":"ann","session":"trip"},"trace_id":"c4b523d15e2779a32112bb2f904fc7ae","parent_trace_id":"","run_group_id":"","policies":[],"awaits_admission":false,"before":[],"after":[],"history":{"stream":"trip","sequence":4,"count":2},"handoff_policies":[],"at":1795956569.1222374,"type":"run_started"}',2,'',1090155658);
INSERT INTO "entries" VALUES(1,6,'{"turn":1,"message_count":4,"tools":["pay"],"params":null,"messages":null,"decisions":[],"hidden":[],"at":1795956569.1225924,"type":"model_requested"}',2,'',360543766);
INSERT INTO "entries" VALUES(1,7,'{"turn":1,"message":{"content":null,"tool_calls":[{"id":"call_2_1","name":"pay","arguments":"{\"amount\": 3}","provider_fields":null}],"reasoning":null,"refusal":null,"name":null,"provider_fields":null,"role":"assistant"},"finish_reason":"tool_calls","usage":{"input_tokens":15,"output_tokens":3,"total_tokens":18,"cached_input_tokens":0,"reasoning_tokens":0},"model":"scripted","response_id":null,"decisions":[],"latency":0.0003301899996586144,"first_delta":0.00011743499999283813,"at":1795956569.1233003,"type":"model_replied"}',2,'',2743545865);
INSERT INTO "entries" VALUES(1,8,'{"call_id":"call_2_1","reason":"pay runs only with approval.","request":{"arguments":{"amount":3}},"arguments":{"amount":3},"decisions":[],"at":1795956569.1236086,"type":"approval_requested"}',2,'',3837715070);
INSERT INTO "entries" VALUES(1,9,'{"outcome":{"call_ids":["call_2_1"],"kind":"suspended"},"decisions":[],"at":1795956569.1242378,"type":"run_finished"}',2,'',3961807643);
INSERT INTO "entries" VALUES(1,10,'{"call_id":"call_2_1","decision":{"action":"approve","reason":"","actor":"","arguments":null,"output":null},"at":1795956569.125041,"type":"approval_decided"}',2,'',2642051631);
INSERT INTO "entries" VALUES(1,11,'{"call_id":"call_2_1","name":"pay","arguments":{"amount":3},"idempotency_key":"5f66081ab21a952916e5d06b9aa5a055:1:call_2_1","decisions":[],"at":1795956569.1255393,"type":"tool_started"}',2,'',1964794048);
INSERT INTO "entries" VALUES(1,12,'{"call_id":"call_2_1","output":"paid 3","status":"ok","error":null,"effects":[],"ends":null,"decisions":[],"duration":0.006707627999276156,"at":1795956569.1325667,"type":"tool_finished"}',2,'',1546094199);
INSERT INTO "entries" VALUES(1,13,'{"turn":2,"message_count":6,"tools":["pay"],"params":null,"messages":null,"decisions":[],"hidden":[],"at":1795956569.132999,"type":"model_requested"}',2,'',776613481);
INSERT INTO "entries" VALUES(1,14,'{"turn":2,"message":{"content":"Done: paid 3.","tool_calls":[],"reasoning":null,"refusal":null,"name":null,"provider_fields":null,"role":"assistant"},"finish_reason":"stop","usage":{"input_tokens":20,"output_tokens":3,"total_tokens":23,"cached_input_tokens":0,"reasoning_tokens":0},"model":"scripted","response_id":null,"decisions":[],"latency":0.0001063109993992839,"first_delta":7.680199996684678e-05,"at":1795956569.1331894,"type":"model_replied"}',2,'',3429863009);
INSERT INTO "entries" VALUES(1,15,'{"outcome":{"content":"Done: paid 3.","kind":"completed"},"decisions":[],"at":1795956569.133223,"type":"run_finished"}',2,'',4017311056);
INSERT INTO "entries" VALUES(2,1,'{"run_id":"6c6df5625590854277b3edc78cffecf5","head":{"name":"till","model":"scripted","instructions":{"content":"You are a helpful assistant.","role":"system"},"params":{},"output_schema":null,"endpoint":{"provider":"","address":"","port":null}},"messages":[{"content":"pay the hotel","name":null,"role":"user"}],"limits":{"max_tool_iterations":10,"max_retry":10,"max_output_retries":3,"max_calls_per_turn":128,"model_timeout":600.0,"timeout":null},"scope":{"tenant":"","user":"ann","session":""},"trace_id":"e42652586cdef7dbc8082f9952852db1","parent_trace_id":"","run_group_id":"","policies":[],"awaits_admission":false,"before":[],"after":[],"history":null,"handoff_policies":[],"at":1795956569.1355348,"type":"run_started"}',2,'',717890799);
INSERT INTO "entries" VALUES(2,2,'{"turn":1,"message_count":2,"tools":["pay"],"params":null,"messages":null,"decisions":[],"hidden":[],"at":1795956569.1357372,"type":"model_requested"}',2,'',187822571);
INSERT INTO "entries" VALUES(2,3,'{"turn":1,"message":{"content":null,"tool_calls":[{"id":"call_1_1","name":"pay","arguments":"{\"amount\": 3}","provider_fields":null}],"reasoning":null,"refusal":null,"name":null,"provider_fields":null,"role":"assistant"},"finish_reason":"tool_calls","usage":{"input_tokens":12,"output_tokens":3,"total_tokens":15,"cached_input_tokens":0,"reasoning_tokens":0},"model":"scripted","response_id":null,"decisions":[],"latency":0.0003672839993669186,"first_delta":0.00030014399817446247,"at":1795956569.136202,"type":"model_replied"}',2,'',2903431164);
INSERT INTO "entries" VALUES(2,4,'{"call_id":"call_1_1","reason":"pay runs only with approval.","request":{"arguments":{"amount":3}},"arguments":{"amount":3},"decisions":[],"at":1795956569.1363113,"type":"approval_requested"}',2,'',36143502);
INSERT INTO "entries" VALUES(2,5,'{"outcome":{"call_ids":["call_1_1"],"kind":"suspended"},"decisions":[],"at":1795956569.1368482,"type":"run_finished"}',2,'',1516713130);
INSERT INTO "entries" VALUES(3,3,'{"note": 2}',7,'outer',3529713572);
INSERT INTO "entries" VALUES(3,4,'{"note": 3}',7,'outer',2728366269);
INSERT INTO "entries" VALUES(3,5,'{"note": 4}',7,'outer',1912899044);
CREATE TABLE labels (
    name BLOB NOT NULL, value BLOB NOT NULL, stream INTEGER NOT NULL,
    PRIMARY KEY (name, value, stream)
) STRICT, WITHOUT ROWID;
INSERT INTO "labels" VALUES(X'737461747573',X'69646C65',1);
INSERT INTO "labels" VALUES(X'6167656E74',X'74696C6C',2);
INSERT INTO "labels" VALUES(X'737461747573',X'73757370656E646564',2);
INSERT INTO "labels" VALUES(X'737461747573',X'C3B6',3);
CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL, user BLOB NOT NULL, session BLOB NOT NULL, kind BLOB NOT NULL, name BLOB NOT NULL,
    head INTEGER NOT NULL, base INTEGER NOT NULL, labels TEXT NOT NULL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, size INTEGER NOT NULL, seal TEXT NOT NULL,
    token INTEGER NOT NULL DEFAULT 0, holder BLOB NOT NULL DEFAULT x'', held_until REAL NOT NULL DEFAULT 0, checksum INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, user, session, kind, name)
) STRICT;
INSERT INTO "streams" VALUES(1,X'',X'616E6E',X'',X'73657373696F6E',X'74726970',15,0,'{"status": "idle"}',1.79595656913325905802e+09,1.79595656913325905802e+09,4437,'',0,X'',0.0,524791515);
INSERT INTO "streams" VALUES(2,X'',X'616E6E',X'',X'72756E',X'3663366466353632353539303835343237376233656463373863666665636635',5,0,'{"agent": "till", "status": "suspended"}',1.7959565691368772984e+09,1.7959565691368772984e+09,1712,'',0,X'',0.0,3176064008);
INSERT INTO "streams" VALUES(3,X'61636D65',X'626F62',X'',X'6E6F746573',X'6E61C3AF766520EDB280',5,2,'{"status": "\u00f6"}',1.0,1.0,33,'',0,X'',0.0,1836243748);
CREATE INDEX streams_by_kind ON streams (kind, id);
CREATE INDEX labels_by_stream ON labels (stream);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('streams',3);
COMMIT;
