package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Press is a purchase that waits for its decision.
type Press struct {
	sale, buyer, key, trace string
	decided                 chan Decision
}

// Decision is purchase.lua's answer to one purchase; the zero value is no answer.
type Decision struct {
	code     byte
	position int64
	atMs     int64
}

// Decider runs our own purchase.lua.
type Decider struct {
	pool   *redis.Pool
	script *redis.Script
	// The run_id of the Redis that we are connected to, an argument of purchase.lua.
	runID string
}

func newDecider(address, script string) (*Decider, error) {
	decider := &Decider{
		script: redis.NewScript(6, script),
		pool: &redis.Pool{
			MaxIdle: 1024, IdleTimeout: time.Minute,
			Dial: func() (redis.Conn, error) {
				return redis.Dial("tcp", address, redis.DialReadTimeout(2500*time.Millisecond))
			},
		},
	}
	connection := decider.pool.Get()
	defer connection.Close()
	info, err := redis.String(connection.Do("INFO", "server"))
	if err != nil {
		return nil, err
	}
	found := regexp.MustCompile(`run_id:(\w+)`).FindStringSubmatch(info)
	if found == nil {
		return nil, errors.New("no run_id in INFO")
	}
	decider.runID = found[1]
	return decider, nil
}

// decide has Redis decide presses of one sale in one call, and hands each its decision.
func (d *Decider) decide(presses []*Press) {
	decisions, err := d.call(presses)
	for i, press := range presses {
		if err != nil {
			press.decided <- Decision{}
		} else {
			press.decided <- decisions[i]
		}
	}
}

func (d *Decider) call(presses []*Press) ([]Decision, error) {
	sale := presses[0].sale
	name := "sale:{" + sale + "}"
	arguments := make([]any, 0, 8+4*len(presses))
	arguments = append(arguments, name, name+":stock", name+":position", name+":buyers", name+":orders", name+":tickets",
		d.runID, sale)
	for _, press := range presses {
		arguments = append(arguments, press.buyer, press.key, 1, press.trace)
	}
	connection := d.pool.Get()
	defer connection.Close()
	reply, err := redis.Values(d.script.Do(connection, arguments...))
	if err != nil {
		return nil, err
	}
	return read(reply, len(presses))
}

// read splits a reply of purchase.lua into the decisions on count purchases.
func read(reply []any, count int) ([]Decision, error) {
	if len(reply) < 7 {
		return nil, errors.New("a short reply")
	}
	codes, err := redis.Bytes(reply[5], nil)
	if err != nil || len(codes) != count {
		return nil, errors.New("not a code for each")
	}
	securedAt, _ := redis.Int64(reply[3], nil)
	decisions := make([]Decision, count)
	details := reply[7:]
	for i, code := range codes {
		decisions[i].code = code
		if !strings.ContainsRune("SRLI", rune(code)) {
			continue
		}
		if len(details) == 0 {
			return nil, errors.New("not a detail for each")
		}
		switch code {
		case 'S':
			decisions[i].position, err = redis.Int64(details[0], nil)
			decisions[i].atMs = securedAt
		case 'R':
			text, _ := redis.String(details[0], nil)
			position, at, _ := strings.Cut(text, " ")
			decisions[i].position, err = strconv.ParseInt(position, 10, 64)
			decisions[i].atMs, _ = strconv.ParseInt(at, 10, 64)
		}
		if err != nil {
			return nil, fmt.Errorf("detail of %c: %w", code, err)
		}
		details = details[1:]
	}
	return decisions, nil
}
