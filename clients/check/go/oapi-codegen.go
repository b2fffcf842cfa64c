// Drives the client that oapi-codegen makes.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"time"

	"check/client"

	"github.com/google/uuid"
)

var ctx = context.Background()

func equal(actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		panic(fmt.Sprintf("%v is not %v", actual, expected))
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func connect(address, writeKey, readKey string) *events.ClientWithResponses {
	auth := func(_ context.Context, request *http.Request) error {
		key := readKey
		if request.Method == http.MethodPost {
			key = writeKey
		}
		if key != "" {
			request.Header.Set("Authorization", "Bearer "+key)
		}
		return nil
	}
	return must(events.NewClientWithResponses(address, events.WithRequestEditorFn(auth)))
}

func event(amount float64, at time.Time) events.ActivityEvent {
	return events.ActivityEvent{
		EventId: uuid.New(), UserId: "ada", EventType: "purchase", Timestamp: at,
		Properties: &events.EventProperties{Amount: &amount},
	}
}

func main() {
	base, stub := os.Getenv("BASE_URL"), os.Getenv("STUB_URL")
	client := connect(base, "writer", "reader")
	good := []events.ActivityEvent{event(1234567.89, time.Now()), event(0.1, time.Now())}
	bad := event(1, time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))

	mixed := must(client.SendEventsWithResponse(ctx, nil, append(good[:2:2], bad)))
	equal(mixed.StatusCode(), 207)
	equal(mixed.JSON207.Accepted, int64(2))
	equal(string(mixed.JSON207.Errors[0].Code), "timestamp_in_future")
	equal(must(client.SendEventsWithResponse(ctx, nil, good[:1])).JSON200.Duplicates, int64(1))
	equal(must(client.SendEventsWithResponse(ctx, nil, []events.ActivityEvent{bad})).StatusCode(), 422)

	equal(must(client.GetSummaryWithResponse(ctx, nil)).JSON200.TotalEvents, int64(2))
	equal(must(client.ListUserCountsWithResponse(ctx, nil)).JSON200.Users[0].UserId, "ada")
	sum := int64(0)
	for _, step := range must(client.GetTimeSeriesWithResponse(ctx, nil)).JSON200.Series {
		sum += step.TotalEvents
	}
	equal(sum, int64(2))

	amounts, after, limit := []float64{}, "earliest", int64(1)
	for more := true; more; {
		page := must(client.ListEventsWithResponse(ctx, &events.ListEventsParams{After: &after, Limit: &limit})).JSON200
		for _, found := range page.Events {
			amounts = append(amounts, *found.Properties.Amount)
		}
		after, more = page.Cursor, page.HasMore
	}
	equal(amounts, []float64{1234567.89, 0.1})
	nonsense := "nonsense"
	equal(must(client.ListEventsWithResponse(ctx, &events.ListEventsParams{After: &nonsense})).StatusCode(), 400)
	equal(must(connect(base, "", "").GetSummaryWithResponse(ctx, nil)).StatusCode(), 401)
	equal(must(connect(base, "other", "other").GetSummaryWithResponse(ctx, nil)).StatusCode(), 401)
	equal(must(connect(base, "reader", "reader").SendEventsWithResponse(ctx, nil, good)).StatusCode(), 403)

	newer := must(connect(stub, "writer", "").SendEventsWithResponse(ctx, nil, good))
	equal(string(newer.JSON207.Errors[0].Code), "a_code_of_tomorrow")
	equal(must(connect(stub, "", "").GetHealthWithResponse(ctx)).JSON200.Store.LogBytes, int64(3_000_000_000))
}
