package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// KeyLen is the length of an API key, in ASCII characters.
const KeyLen = 32

// bucketLen is the length of a key's public end.
const bucketLen = 5

// newChallenge returns 32 random letters and digits.
func newChallenge() string { return rand.Text() + rand.Text()[:6] }

// challengeReply is what a client with this key answers to a challenge:
// hex(SHA-256(challenge|key)), '-', the key's last five characters.
func challengeReply(challenge, key string) string {
	sum := sha256.Sum256([]byte(challenge + "|" + key))
	return hex.EncodeToString(sum[:]) + "-" + key[len(key)-bucketLen:]
}

// replyMatches tells whether a reply was made with one of the keys. Every key is tried,
// in constant time each.
func replyMatches(challenge, reply string, keys []string) bool {
	ok := 0
	for _, key := range keys {
		ok |= subtle.ConstantTimeCompare([]byte(challengeReply(challenge, key)), []byte(reply))
	}
	return ok == 1
}
