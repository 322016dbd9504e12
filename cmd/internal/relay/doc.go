// Package relay documents dbn-relay: one session with the service, and many consumers of what it
// brings. Its parts are the packages below it; cmd/dbn-relay is the program.
//
//	gateway ─► ingest (continuous client) ─► log (JetStream) ─► serve (the gateway's protocol)
//	                                              └► names (what instruments are called)
//
// # The log
//
// A dataset has one JetStream stream. Its name is DBN_ and the dataset, with _ for each dot:
// DBN_GLBX_MDP3. Each message is a batch of records of one schema, of 64 KiB or a little more. Its subject is
//
//	dbn.DATASET.SCHEMA     such as dbn.GLBX.MDP3.trades
//
// A dataset keeps its dots. No schema has one, so the last token is always the schema, and
// dbn.GLBX.MDP3.* is everything of the dataset. Symbol mappings have the subject
// dbn.DATASET.symbol-mapping. The payload is the records back to back, as the service sends
// them, without DBN metadata. Package batch writes and reads the headers:
//
//	Dbn-Format     version of this layout; another one is refused
//	Dbn-Version    DBN version of the records
//	Dbn-Ts-Out     1: each record ends with the time at which the service sent it; 0: none does
//	Dbn-Count      number of records
//	Dbn-Event      lowest and highest ts_event of the records, with a comma between; 0,0: none has one
//	Dbn-Index      the same of the index time: ts_recv where a record has one, otherwise ts_event
//	Dbn-Before     every record whose replay time is later than this is in this message or after it
//	Dbn-High       the Dbn-Before of the message that follows
//	Dbn-Previous   sequence of the previous message of this schema; 0: this is the first one
//	Dbn-Cut        1: everything that was received before some moment is in the log up to here
//
// All times are nanoseconds since 1970, UTC. The replay time of a record is its ts_event, and ts_recv in the
// BBO and CBBO schemas. Dbn-High never decreases, so a binary search finds the message from which
// a replay must read.
//
// # Names
//
// A second stream, DBN_DATASET_NAMES, retains the last definition and symbol mapping of each
// instrument without a limit of age, with subjects dbn-names.DATASET.definition.ID and
// dbn-names.DATASET.mapping.HASH. It is derived from the log and can be deleted; what the
// log still holds is then written again.
//
// # Guarantees
//
//   - Each record that the continuous client delivers is in the log once. Messages are published in
//     order, each with the expected last sequence and message id of the stream, so the log is always a prefix
//     of what was published, and a second writer cannot put anything between. After a kill the log's end tells where to
//     continue: the records up to the last Dbn-Cut are the client's position, and those after it are
//     dropped when they come again.
//   - Of several relays on a cluster one holds the lease of a log, a key in the bucket DBN_RELAY_LEASE, and
//     writes. The others serve consumers and stand by; one of them takes over within seconds.
//   - Order holds for each schema as the client delivers it.
//   - A consumer's session is a place in the log. It loses nothing while the log retains what it has not
//     read, however slowly it reads, unless it has asked for records to be skipped.
package relay
