// Does what the page for Go says; the line below stands for its functions.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"check/client"

	"github.com/google/uuid"
)

// THE PAGE

func main() {
	auth := func(_ context.Context, request *http.Request) error {
		key := "reader"
		if request.Method == http.MethodPost {
			key = "writer"
		}
		request.Header.Set("Authorization", "Bearer "+key)
		return nil
	}
	client, err := events.NewClientWithResponses(os.Getenv("REHEARSAL_URL"), events.WithRequestEditorFn(auth))
	if err != nil {
		panic(err)
	}
	event := func() events.ActivityEvent {
		return events.ActivityEvent{EventId: uuid.New(), UserId: "ada", EventType: "click", Timestamp: time.Now()}
	}
	batch := []events.ActivityEvent{event(), event(), event()}
	receipt, err := send(context.Background(), client, batch)
	if err != nil || receipt.Rejected != 1 {
		panic(fmt.Sprint(receipt, err))
	}
	if sum, err := total(context.Background(), client); err != nil || sum != 12 {
		panic(fmt.Sprint(sum, err))
	}
}
