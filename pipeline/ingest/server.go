package ingest

import (
	"log/slog"
	"net/http"
	"time"
)

// Server makes a server around h whose limits of time and size fit: a client
// that sends slowly or never stops is cut off. The caller listens, serves and
// shuts it down.
func Server(h *Handler) *http.Server { return ServerFor(h, h) }

// ServerFor is Server for a handler that wraps h or has h among others.
func ServerFor(outer http.Handler, h *Handler) *http.Server {
	l := h.opts.Limits
	return &http.Server{
		Handler:           outer,
		ReadHeaderTimeout: l.HeaderTime,
		ReadTimeout:       l.HeaderTime + l.BodyTime,
		WriteTimeout:      l.HeaderTime + l.BodyTime + l.AnswerTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    l.Headers,
		ErrorLog:          slog.NewLogLogger(h.opts.Log.Handler(), slog.LevelWarn),
	}
}
