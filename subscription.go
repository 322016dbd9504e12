package dbnloop

import (
	"strings"

	"github.com/dbnloop/dbnloop/bindings"
	"github.com/dbnloop/dbnloop/dbn"
)

// Subscription requests records of a schema for some symbols.
type Subscription struct {
	Dataset string     // "": that of the session; the first subscription must name it
	Schema  dbn.Schema // required; dbn.SchemaMbo is the zero value
	Symbols []string   // at least one, see StypeIn; dbn.AllSymbols alone selects every one
	// StypeIn is the symbology of Symbols. Its zero value is dbn.STypeInstrumentID (numbers);
	// NewSubscription sets the usual dbn.STypeRawSymbol.
	StypeIn dbn.SType
	// HasStart requests a replay from Start on, inclusive; only before the client's Start. A
	// Start of 0 then requests everything that the gateway retains. Without HasStart records
	// arrive in real time, and a Start other than 0 is refused.
	HasStart bool
	Start    dbn.UnixNanos
	Snapshot bool // request a snapshot of the book first; mbo only, not with HasStart
}

// NewSubscription returns a subscription to raw symbols in real time.
func NewSubscription(dataset string, schema dbn.Schema, symbols ...string) Subscription {
	return Subscription{Dataset: dataset, Schema: schema, Symbols: symbols, StypeIn: dbn.STypeRawSymbol}
}

func (s Subscription) forC() (bindings.Subscription, error) {
	symbols, err := symbolList(s.StypeIn, s.Symbols)
	if err != nil {
		return bindings.Subscription{}, err
	}
	if s.Start != 0 && !s.HasStart {
		return bindings.Subscription{}, newError(CodeInvalidArgument, "Subscribe: Start is %s, but HasStart is not set: set it to replay from there, or leave Start 0 for records in real time", s.Start)
	}
	return bindings.Subscription{
		Dataset: s.Dataset, Symbols: symbols,
		Schema: uint32(s.Schema), StypeIn: uint32(s.StypeIn),
		Snapshot: s.Snapshot, HasStart: s.HasStart, Start: uint64(s.Start),
	}, nil
}

// Unsubscription takes symbols away from the subscriptions to a schema.
type Unsubscription struct {
	Dataset string     // "": that of the session
	Schema  dbn.Schema // required; dbn.SchemaMbo is the zero value
	// Symbols are any part of what was subscribed, at least one; symbols that were not
	// subscribed have no effect. dbn.AllSymbols alone ends every subscription to the schema.
	Symbols []string
	// StypeIn is dbn.STypeRawSymbol, dbn.STypeParent or dbn.STypeInstrumentID (its zero value),
	// and one that the schema was subscribed with. dbn.AllSymbols, and symbols of subscriptions
	// to dbn.AllSymbols or by another symbology than these three, may be unsubscribed with each
	// of the three. NewUnsubscription sets dbn.STypeRawSymbol.
	StypeIn dbn.SType
}

// NewUnsubscription returns an unsubscription of raw symbols.
func NewUnsubscription(dataset string, schema dbn.Schema, symbols ...string) Unsubscription {
	return Unsubscription{Dataset: dataset, Schema: schema, Symbols: symbols, StypeIn: dbn.STypeRawSymbol}
}

// EffectiveRequest is one request of an effective set, see LiveClient.Subscriptions.
type EffectiveRequest struct {
	// ID is that of the subscription, as Subscribe returned it; 0: the request is an
	// unsubscription.
	ID uint32
	// Subscription is as it was made, with the symbols that are left. It is set unless ID is 0.
	Subscription Subscription
	// Unsubscription holds symbols that were unsubscribed from the subscriptions before it and
	// that no list of theirs contains, such as one symbol of dbn.AllSymbols. It is set if ID
	// is 0.
	Unsubscription Unsubscription
}

func effectiveRequestOf(in *bindings.EffectiveRequest) EffectiveRequest {
	if s := &in.Subscription; in.ID != 0 {
		return EffectiveRequest{ID: in.ID, Subscription: Subscription{
			Dataset: s.Dataset, Schema: dbn.Schema(s.Schema), Symbols: strings.Split(s.Symbols, ","),
			StypeIn: dbn.SType(s.StypeIn), HasStart: s.HasStart, Start: dbn.UnixNanos(s.Start), Snapshot: s.Snapshot,
		}}
	}
	u := &in.Unsubscription
	return EffectiveRequest{Unsubscription: Unsubscription{
		Dataset: u.Dataset, Schema: dbn.Schema(u.Schema), Symbols: strings.Split(u.Symbols, ","), StypeIn: dbn.SType(u.StypeIn),
	}}
}

func effectiveRequestsOf(in []bindings.EffectiveRequest) (out []EffectiveRequest) {
	for i := range in {
		out = append(out, effectiveRequestOf(&in[i]))
	}
	return out
}

func (u Unsubscription) forC() (bindings.Unsubscription, error) {
	symbols, err := symbolList(u.StypeIn, u.Symbols)
	return bindings.Unsubscription{
		Dataset: u.Dataset, Symbols: symbols, Schema: uint32(u.Schema), StypeIn: uint32(u.StypeIn),
	}, err
}
