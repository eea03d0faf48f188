package state

import (
	"context"
	"io"
	"sync/atomic"
)

// meter is a bucket that counts the bytes that go to it and come from it.
type meter struct {
	Bucket
	bytes atomic.Int64
}

func (m *meter) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	content, err := m.Bucket.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{&metered{content, m}, content}, nil
}

func (m *meter) Put(ctx context.Context, name string, content io.Reader) error {
	return m.Bucket.Put(ctx, name, &metered{content, m})
}

func (m *meter) Create(ctx context.Context, name string, content []byte) error {
	m.bytes.Add(int64(len(content)))
	return m.Bucket.Create(ctx, name, content)
}

type metered struct {
	io.Reader
	meter *meter
}

func (r *metered) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.meter.bytes.Add(int64(n))
	return n, err
}

// measure begins to measure an operation, and gives what ends that and tells Observe. The caller has the mutex.
func (r *Replica) measure(op string, err *error) (end func()) {
	began, before := r.Clock(), r.bucket.bytes.Load()
	return func() {
		if r.Observe != nil {
			r.Observe(op, r.Clock().Sub(began), r.bucket.bytes.Load()-before, *err)
		}
	}
}
