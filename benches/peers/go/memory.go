package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Goroutines that wait on a channel of their own; the channels are made before the first reading.
func parked(count uint64) {
	channels := make([]chan struct{}, count)
	for i := range channels {
		channels[i] = make(chan struct{})
	}
	var started sync.WaitGroup
	started.Add(int(count))
	residentBefore, tablesBefore := memory()
	for _, channel := range channels {
		go func(channel <-chan struct{}) {
			started.Done()
			<-channel
		}(channel)
	}
	started.Wait()
	time.Sleep(200 * time.Millisecond)
	resident, tables := memory()
	fmt.Printf("go: %d parked: %d B resident, %d B page tables each\n", count,
		(resident-residentBefore)/int64(count), (tables-tablesBefore)/int64(count))
	runtime.KeepAlive(channels)
}

// VmRSS and VmPTE, in bytes.
func memory() (resident, tables int64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail(err.Error())
	}
	for _, line := range strings.Split(string(status), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "VmRSS:" {
			resident = int64(parse(fields[1])) * 1024
		}
		if len(fields) == 3 && fields[0] == "VmPTE:" {
			tables = int64(parse(fields[1])) * 1024
		}
	}
	return resident, tables
}
