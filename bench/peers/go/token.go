package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"hash"
	"os"
	"strings"
	"sync"
	"time"
)

// Verifier identifies the sender of a request by a JWT signed with HS256 under one of our keys.
type Verifier struct {
	// By kid: contexts initialised with their key, for reuse.
	macs map[string]*sync.Pool
	// By the text of the header: an issuer sends the same one as long as it uses the same key.
	macsOfHeader sync.Map
}

func readVerifier(path string) (*Verifier, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []struct{ Kid, K string }
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	verifier := &Verifier{macs: map[string]*sync.Pool{}}
	for _, key := range set.Keys {
		secret, err := base64.RawURLEncoding.DecodeString(key.K)
		if err != nil {
			return nil, err
		}
		verifier.macs[key.Kid] = &sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}
	}
	return verifier, nil
}

func (v *Verifier) macsOf(header string) *sync.Pool {
	if known, ok := v.macsOfHeader.Load(header); ok {
		return known.(*sync.Pool)
	}
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return nil
	}
	var fields struct {
		Alg, Kid string
		Crit     []string
	}
	if json.Unmarshal(text, &fields) != nil || fields.Alg != "HS256" || fields.Crit != nil {
		return nil
	}
	macs := v.macs[fields.Kid]
	if macs != nil {
		v.macsOfHeader.Store(strings.Clone(header), macs)
	}
	return macs
}

// isSigned reports whether signature is the MAC of signed.
func isSigned(macs *sync.Pool, signed, signature string) bool {
	var given, computed [sha256.Size]byte
	if len(signature) != base64.RawURLEncoding.EncodedLen(sha256.Size) {
		return false
	}
	if _, err := base64.RawURLEncoding.Decode(given[:], []byte(signature)); err != nil {
		return false
	}
	mac := macs.Get().(hash.Hash)
	defer macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(signed))
	return hmac.Equal(mac.Sum(computed[:0]), given[:])
}

// Subject returns the subject of a token, and whether the token is valid.
func (v *Verifier) Subject(token string) (string, bool) {
	parts := strings.SplitN(token, ".", 4)
	if len(parts) != 3 {
		return "", false
	}
	macs := v.macsOf(parts[0])
	if macs == nil || !isSigned(macs, token[:len(parts[0])+1+len(parts[1])], parts[2]) {
		return "", false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var fields struct {
		Sub      string
		Exp, Nbf float64
	}
	now := float64(time.Now().Unix())
	if json.Unmarshal(text, &fields) != nil || now >= fields.Exp+30 || now < fields.Nbf-30 {
		return "", false
	}
	for i := 0; i < len(fields.Sub); i++ {
		if fields.Sub[i] <= ' ' || fields.Sub[i] > '~' {
			return "", false
		}
	}
	return fields.Sub, len(fields.Sub) >= 1 && len(fields.Sub) <= 128
}
