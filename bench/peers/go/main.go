// The decision in Go, with net/http and redigo: one call of our own purchase.lua per request or, with -batched, one for
// all requests that arrive during the previous call, like sale-api. This separates the cost of the language from the
// gain of the design.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"flag"
	"log"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	saleName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	keyForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

type server struct {
	verifier *Verifier
	decider  *Decider
	// nil if each request has its own call.
	arriving chan<- *Press
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var random [16]byte
	rand.Read(random[:])
	trace := hex.EncodeToString(random[:])
	w.Header().Set("X-Request-Id", trace)
	path := strings.TrimPrefix(r.URL.Path, "/v1/sales/")
	sale := strings.TrimSuffix(path, "/purchases")
	if len(path) == len(r.URL.Path) || len(sale) == len(path) || !saleName.MatchString(sale) {
		problem(w, trace, 404, "not-found", "Not found", "There is nothing here.")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		problem(w, trace, 405, "method-not-allowed", "Method not allowed", "This path takes POST.")
		return
	}
	authorization := r.Header.Get("Authorization")
	buyer, ok := s.verifier.Subject(strings.TrimPrefix(authorization, "Bearer "))
	if !ok || !strings.HasPrefix(authorization, "Bearer ") {
		w.Header().Set("WWW-Authenticate", "Bearer")
		problem(w, trace, 401, "unauthorized", "Unauthorized", "Send a valid token: Authorization: Bearer <JWT>.")
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if !keyForm.MatchString(key) {
		problem(w, trace, 400, "idempotency-key-invalid", "Idempotency key invalid",
			"Send one Idempotency-Key of 1 to 64 letters, digits, - or _, without quotes.")
		return
	}
	press := &Press{sale, buyer, key, trace, make(chan Decision, 1)}
	if s.arriving != nil {
		s.arriving <- press
	} else {
		s.decider.decide([]*Press{press})
	}
	answer(w, press, <-press.decided)
}

func answer(w http.ResponseWriter, press *Press, decision Decision) {
	switch decision.code {
	case 'S':
		order(w, press, decision, 201)
	case 'R':
		w.Header().Set("Idempotent-Replayed", "true")
		order(w, press, decision, 200)
	case 'O':
		problem(w, press.trace, 409, "sold-out", "Sold out", "Every unit has been sold.")
	case 'U':
		problem(w, press.trace, 404, "not-found", "Not found", "There is no such sale.")
	case 0, 'F':
		w.Header().Set("Retry-After", "1")
		problem(w, press.trace, 503, "unavailable", "Unavailable", "Nothing was done. Try again with the same key.")
	default:
		problem(w, press.trace, 409, "refused", "Refused", "This purchase can not be made.")
	}
}

func order(w http.ResponseWriter, press *Press, decision Decision, status int) {
	position := strconv.FormatInt(decision.position, 10)
	name := press.sale + "-" + position
	body := `{"status":"secured","sale":"` + press.sale + `","order":"` + name + `","position":` + position +
		`,"quantity":1,"secured_at":"` + time.UnixMilli(decision.atMs).UTC().Format("2006-01-02T15:04:05.000Z") + `"}`
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", "/v1/sales/"+press.sale+"/orders/"+name)
	w.WriteHeader(status)
	w.Write([]byte(body))
}

func problem(w http.ResponseWriter, trace string, status int, name, title, detail string) {
	body := `{"type":"/problems/` + name + `","title":"` + title + `","status":` + strconv.Itoa(status) + `,"detail":"` +
		detail + `","instance":"urn:trace:` + trace + `"}`
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	w.Write([]byte(body))
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8101", "where to listen")
	address := flag.String("redis", "127.0.0.1:6379", "the Redis primary")
	script := flag.String("script", "lua/purchase.lua", "what decides")
	batched := flag.Bool("batched", false, "one call for all that arrive while the last is under way")
	flag.Parse()
	text, err := os.ReadFile(*script)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := readVerifier(os.Getenv("SALE_JWT_JWKS_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	decider, err := newDecider(*address, string(text))
	if err != nil {
		log.Fatal(err)
	}
	s := &server{verifier: verifier, decider: decider}
	if *batched {
		// As many as may wait in sale-api.
		arriving := make(chan *Press, 16384)
		s.arriving = arriving
		go decider.gather(arriving)
	}
	log.Fatal(http.ListenAndServe(*listen, s))
}
