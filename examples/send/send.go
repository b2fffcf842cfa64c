// Sends events, one JSON object a line of standard input, with the standard library of Go only.
//
// EVENT_SERVICE is the address of the service, WRITE_KEY a key if it wants one. Each batch is sent until the service has
// counted or rejected every event of it. The ids stay the same, so what was counted already is a duplicate and nothing more.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

const batchSize = 1000

// answer is a receipt, or a problem that may carry a receipt's fields.
type answer struct {
	Unavailable int    `json:"unavailable"`
	Detail      string `json:"detail"`
	Errors      []struct {
		Index  int    `json:"index"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"errors"`
}

var client = &http.Client{Timeout: 30 * time.Second}

// attempt returns the status, or 0 where no answer came, and the time to wait before another attempt.
func attempt(body []byte) (status int, result answer, wait time.Duration) {
	url := os.Getenv("EVENT_SERVICE")
	if url == "" {
		url = "http://localhost:8080"
	}
	request, err := http.NewRequest("POST", url+"/events", bytes.NewReader(body))
	if err != nil {
		return 400, answer{Detail: err.Error()}, 0
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	if key := os.Getenv("WRITE_KEY"); key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, result, 0
	}
	defer response.Body.Close()
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	// What is not JSON comes from something in between; the status says enough.
	_ = json.NewDecoder(response.Body).Decode(&result)
	return response.StatusCode, result, time.Duration(seconds) * time.Second
}

// send sends one batch and says what was rejected.
func send(lines [][]byte) {
	body := bytes.Join(lines, []byte("\n"))
	for pause := 500 * time.Millisecond; ; pause = min(2*pause, 30*time.Second) {
		status, result, wait := attempt(body)
		switch {
		case status == 0 || status == 429 || status >= 500 || result.Unavailable > 0:
			time.Sleep(max(wait, pause))
		case result.Errors == nil:
			fmt.Fprintln(os.Stderr, status, result.Detail)
			os.Exit(1)
		default:
			for _, e := range result.Errors {
				fmt.Fprintf(os.Stderr, "%s %s %s\n", e.Code, e.Detail, lines[e.Index])
			}
			return
		}
	}
}

func main() {
	var batch [][]byte
	scanner := bufio.NewScanner(os.Stdin)
	for scanner.Scan() {
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		batch = append(batch, bytes.Clone(scanner.Bytes()))
		if len(batch) == batchSize {
			send(batch)
			batch = nil
		}
	}
	if len(batch) > 0 {
		send(batch)
	}
}
