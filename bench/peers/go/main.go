// The peer in Go: a batch of events is parsed by encoding/json into structs, deduplicated by a map of ids, and counted by minute,
// type and user in maps. On all cores, as Go's servers run; nothing kept of an event beside that, no window ever ends.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

type event struct {
	EventID    string     `json:"event_id"`
	UserID     string     `json:"user_id"`
	EventType  string     `json:"event_type"`
	Timestamp  time.Time  `json:"timestamp"`
	Properties properties `json:"properties"`
}

type properties struct {
	Page      *string  `json:"page"`
	Amount    *float64 `json:"amount"`
	ProductID *string  `json:"product_id"`
}

type user struct {
	events   uint64
	lastSeen int64
}

type receipt struct {
	Accepted    int        `json:"accepted"`
	Duplicates  int        `json:"duplicates"`
	Rejected    int        `json:"rejected"`
	Unavailable int        `json:"unavailable"`
	Late        int        `json:"late"`
	Cursor      string     `json:"cursor"`
	Errors      []struct{} `json:"errors"`
}

var types = map[string]int{"page_view": 0, "click": 1, "purchase": 2, "signup": 3}

type store struct {
	mutex   sync.Mutex
	ids     map[uuid.UUID]struct{}
	minutes map[int64]*[4]uint64
	users   map[string]*user
}

// valid checks the fields that encoding/json does not.
func (e *event) valid() (id uuid.UUID, kind int, ok bool) {
	id, err := uuid.Parse(e.EventID)
	kind, known := types[e.EventType]
	length := utf8.RuneCountInString(e.UserID)
	if err != nil || !known || len(e.EventID) != 36 || length == 0 || length > 256 || (e.Properties.Amount != nil && *e.Properties.Amount < 0) {
		return id, kind, false
	}
	for _, char := range e.UserID {
		if unicode.IsControl(char) {
			return id, kind, false
		}
	}
	return id, kind, true
}

// add counts an event whose id is new, and says whether it was.
func (s *store) add(id uuid.UUID, kind int, e *event) bool {
	if _, known := s.ids[id]; known {
		return false
	}
	s.ids[id] = struct{}{}
	time := e.Timestamp.UnixMilli()
	minute := s.minutes[time/60_000]
	if minute == nil {
		minute = new([4]uint64)
		s.minutes[time/60_000] = minute
	}
	minute[kind]++
	sender := s.users[e.UserID]
	if sender == nil {
		sender = new(user)
		s.users[e.UserID] = sender
	}
	sender.events++
	sender.lastSeen = max(sender.lastSeen, time)
	return true
}

func (s *store) take(w http.ResponseWriter, r *http.Request) {
	var events []event
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<20)).Decode(&events); err != nil {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	answer := receipt{Cursor: "0123456789ab.1234", Errors: []struct{}{}}
	s.mutex.Lock()
	for i := range events {
		if id, kind, ok := events[i].valid(); !ok {
			answer.Rejected++
		} else if s.add(id, kind, &events[i]) {
			answer.Accepted++
		} else {
			answer.Duplicates++
		}
	}
	s.mutex.Unlock()
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

func main() {
	s := &store{ids: map[uuid.UUID]struct{}{}, minutes: map[int64]*[4]uint64{}, users: map[string]*user{}}
	router := chi.NewRouter()
	router.Post("/events", s.take)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), router))
}
