package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
)

// Sends back what it gets, 64 bytes at a time, on one thread.
func echo() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	fmt.Println(listener.Addr())
	for {
		stream, err := listener.Accept()
		if err != nil {
			fail(err.Error())
		}
		go func() {
			var buffer [64]byte
			for {
				if _, err := io.ReadFull(stream, buffer[:]); err != nil {
					return
				}
				if _, err := stream.Write(buffer[:]); err != nil {
					return
				}
			}
		}()
	}
}

// Answers every request over HTTP, on one thread.
func serveHTTP() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	fmt.Println(listener.Addr())
	answer := []byte("Hello, World!")
	fail(http.Serve(listener, http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		writer.Header().Set("Content-Type", "text/plain")
		writer.Write(answer)
	})).Error())
}
