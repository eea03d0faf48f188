package state

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"s1graph/pause"
)

// s3 is a bucket of S3, or of what speaks its language.
type s3 struct {
	client *minio.Client
	bucket string
	prefix string // "" or with a slash at its end
}

var _ Bucket = (*s3)(nil)

func openS3(ctx context.Context, u *url.URL) (*s3, error) {
	endpoint, inTheClear := endpointOf(u)
	transport, err := minio.DefaultTransport(!inTheClear)
	if err != nil {
		return nil, err
	}
	transport.MaxIdleConnsPerHost = racers
	client, err := minio.New(cmp.Or(endpoint, "s3.amazonaws.com"), &minio.Options{
		Secure: !inTheClear, Region: u.Query().Get("region"), Transport: transport,
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: &http.Client{Transport: transport}},
		}),
	})
	if err != nil {
		return nil, err
	}
	b := &s3{client: client, bucket: u.Host}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		b.prefix = prefix + "/"
	}
	b.abortUnfinished(ctx)
	return b, nil
}

// abortUnfinished removes the parts of objects that were never put whole, which cost money. Not every store, and not everybody's
// rights, allow that.
func (b *s3) abortUnfinished(ctx context.Context) {
	for upload := range b.client.ListIncompleteUploads(ctx, b.bucket, b.prefix, true) {
		if upload.Err == nil && time.Since(upload.Initiated) > unfinishedKept {
			_ = b.client.RemoveIncompleteUpload(ctx, b.bucket, upload.Key)
		}
	}
}

// warnings says nothing of what the credentials may not see.
func (b *s3) warnings(ctx context.Context) (warnings []string) {
	if versioning, err := b.client.GetBucketVersioning(ctx, b.bucket); err == nil && versioning.Enabled() {
		warnings = append(warnings, "it keeps old versions of what is deleted, which takes space without end: turn versioning off, or let non-current versions expire")
	}
	rules, err := b.client.GetBucketLifecycle(ctx, b.bucket)
	if err != nil {
		return warnings
	}
	for _, rule := range rules.Rules {
		prefix := cmp.Or(rule.RuleFilter.Prefix, rule.RuleFilter.And.Prefix, rule.Prefix)
		isOurs := strings.HasPrefix(b.prefix, prefix) || strings.HasPrefix(prefix, b.prefix)
		if rule.Status == "Enabled" && isOurs && (!rule.Expiration.IsNull() || !rule.Transition.IsNull()) {
			warnings = append(warnings, fmt.Sprintf("its lifecycle rule %q lets objects expire or moves them, which s1graph needs until it deletes them: leave the prefix %q out of the rule", rule.ID, b.prefix))
		}
	}
	return warnings
}

func (b *s3) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	object, err := b.client.GetObject(ctx, b.bucket, b.prefix+name, minio.GetObjectOptions{})
	if err == nil {
		_, err = object.Stat() // asks only now
	}
	if err != nil {
		return nil, b.explain("s3:GetObject", name, err)
	}
	return object, nil
}

// partBytes is how much of an object is held in memory.
const partBytes = 8 << 20

func (b *s3) Put(ctx context.Context, name string, content io.Reader) error {
	first := &bytes.Buffer{} // what is small is put at once
	_, err := io.CopyN(first, content, partBytes)
	if err != nil && err != io.EOF {
		return err
	}
	if err == io.EOF {
		return b.explain(putObject, name, b.put(ctx, name, bytes.NewReader(first.Bytes()), int64(first.Len()), minio.PutObjectOptions{DisableMultipart: true}))
	}
	return b.explain(putObject, name, b.put(ctx, name, io.MultiReader(first, content), -1, minio.PutObjectOptions{PartSize: partBytes, NumThreads: 1, DisableContentSha256: true}))
}

const putObject = "s3:PutObject"

func (b *s3) put(ctx context.Context, name string, content io.Reader, size int64, o minio.PutObjectOptions) error {
	_, err := b.client.PutObject(ctx, b.bucket, b.prefix+name, content, size, o)
	return err
}

// conflicts bounds how often a name is created again, where the store says that others try in the same moment.
const conflicts = 20

func (b *s3) Create(ctx context.Context, name string, content []byte) error {
	for try := 1; ; try++ {
		o := minio.PutObjectOptions{DisableMultipart: true}
		o.SetMatchETagExcept("*")
		err := b.put(ctx, name, bytes.NewReader(content), int64(len(content)), o)
		if minio.ToErrorResponse(err).StatusCode != http.StatusConflict || try == conflicts {
			return b.explain(putObject, name, err)
		}
		if err := pause.For(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func (b *s3) List(ctx context.Context, prefix string) (names []string, err error) {
	for object := range b.client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, b.explain("s3:ListBucket", prefix, object.Err)
		}
		names = append(names, strings.TrimPrefix(object.Key, b.prefix))
	}
	slices.Sort(names)
	return names, nil
}

func (b *s3) Delete(ctx context.Context, name string) error {
	err := b.explain("s3:DeleteObject", name, b.client.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// explain makes errors of the store those that Bucket promises. Of the others it says which right the request for name needs, and
// what to do where that is known.
func (b *s3) explain(right, name string, err error) error {
	if err == nil {
		return nil
	}
	request := fmt.Sprintf("%s of %s%s in the bucket %s", right, b.prefix, name, b.bucket)
	switch answer := minio.ToErrorResponse(err); answer.Code {
	case minio.NoSuchKey:
		return &fs.PathError{Op: "get", Path: path.Base(answer.Key), Err: fs.ErrNotExist}
	case minio.PreconditionFailed:
		return &fs.PathError{Op: "create", Path: path.Base(answer.Key), Err: fs.ErrExist}
	case minio.AccessDenied:
		return fmt.Errorf("%s: give the credentials this right: %w", request, err)
	case "RequestTimeTooSkewed":
		return fmt.Errorf("%s: set this machine's clock, which says %s: %w", request, time.Now().UTC().Format(time.RFC3339), err)
	case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed":
		return fmt.Errorf("%s: look at region and endpoint in the address of state: %w", request, err)
	}
	return fmt.Errorf("%s: %w", request, err)
}
