// Package transfer moves values between workers, and between workers and clients.
//
// Small values travel many to a message; a large one travels in chunks, its header in the first.
package transfer

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/gdistributed/gdistributed/workers/go/codec"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

const (
	wholeBytes    = 64 << 10 // a larger value travels in chunks
	chunkBytes    = 1 << 20
	chunkBytesMax = 4 << 20
	itemsMax      = 1000
)

// Outgoing is a value to be sent, or why it cannot be: Value, Error, or neither when it is missing.
type Outgoing struct {
	Index uint32
	Value *pb.Payload
	Bytes uint64 // its size in memory
	Type  string
	Error *pb.TaskError
}

// Cutter cuts values into messages.
type Cutter struct {
	size    int
	start   uint64
	send    func(*pb.GetDataResponse) error
	items   []*pb.DataItem
	waiting int // bytes of the items
}

// NewCutter makes a cutter that hands its messages to send.
//
// The size of chunks is 1 MiB where it is given as 0, and at most 4 MiB. A single value may go on at
// an offset.
func NewCutter(size uint32, start uint64, send func(*pb.GetDataResponse) error) *Cutter {
	cutter := &Cutter{size: chunkBytes, start: start, send: send}
	if size > 0 {
		cutter.size = int(min(size, chunkBytesMax))
	}
	return cutter
}

// Add sends a value, or keeps it to be sent with others.
func (c *Cutter) Add(value Outgoing) error {
	if value.Value != nil && (codec.Size(value.Value) > wholeBytes || c.start > 0) {
		if err := c.Flush(); err != nil {
			return err
		}
		return c.chunks(value)
	}
	item := &pb.DataItem{Index: value.Index, Nbytes: value.Bytes, Type: value.Type}
	switch {
	case value.Value != nil:
		item.Outcome = &pb.DataItem_Value{Value: value.Value}
		c.waiting += codec.Size(value.Value)
	case value.Error != nil:
		item.Outcome = &pb.DataItem_Error{Error: value.Error}
	default:
		item.Outcome = &pb.DataItem_Missing{Missing: true}
	}
	c.items = append(c.items, item)
	if c.waiting >= c.size || len(c.items) >= itemsMax {
		return c.Flush()
	}
	return nil
}

// Flush sends what is kept.
func (c *Cutter) Flush() error {
	if len(c.items) == 0 {
		return nil
	}
	items := c.items
	c.items, c.waiting = nil, 0
	return c.send(&pb.GetDataResponse{Items: items})
}

func (c *Cutter) chunks(value Outgoing) error {
	payload := value.Value
	header := &pb.DataHeader{
		Value: &pb.Payload{
			Codec:       payload.GetCodec(),
			Compression: payload.GetCompression(),
			Refs:        payload.GetRefs(),
			Attributes:  payload.GetAttributes(),
		},
		DataNbytes:  uint64(len(payload.GetData())),
		Nbytes:      value.Bytes,
		Type:        value.Type,
		Fingerprint: Fingerprint(payload),
	}
	for _, buffer := range payload.GetBuffers() {
		header.BufferNbytes = append(header.BufferNbytes, uint64(len(buffer)))
	}
	offset := uint64(0)
	for _, part := range append([][]byte{payload.GetData()}, payload.GetBuffers()...) {
		for len(part) > 0 {
			// A message holds bytes of one part; where it goes on inside one, that piece is shorter.
			skipped := min(c.start-min(c.start, offset), uint64(len(part)))
			offset, part = offset+skipped, part[skipped:]
			data := part[:min(c.size, len(part))]
			if len(data) == 0 {
				break
			}
			chunk := &pb.DataChunk{
				Index:  value.Index,
				Header: header,
				Offset: offset,
				Crc32:  crc32.ChecksumIEEE(data),
				Data:   data,
			}
			if err := c.send(&pb.GetDataResponse{Chunk: chunk}); err != nil {
				return err
			}
			header = nil
			offset, part = offset+uint64(len(data)), part[len(data):]
		}
	}
	return nil
}

// Fingerprint names an encoding: two chunks with the same fingerprint belong together.
func Fingerprint(payload *pb.Payload) string {
	sizes := make([]string, len(payload.GetBuffers()))
	for index, buffer := range payload.GetBuffers() {
		sizes[index] = strconv.Itoa(len(buffer))
	}
	return fmt.Sprintf("%s:%08x:%d:%s", payload.GetCodec(), crc32.ChecksumIEEE(payload.GetData()),
		len(payload.GetData()), strings.Join(sizes, ","))
}

// GoesOn says whether what a caller has of a value is the beginning of this encoding.
func GoesOn(payload *pb.Payload, request *pb.GetDataRequest) bool {
	offset := request.GetOffset()
	if payload == nil || offset >= uint64(codec.Size(payload)) || request.GetFingerprint() != Fingerprint(payload) {
		return false
	}
	sum := uint32(0)
	for _, part := range append([][]byte{payload.GetData()}, payload.GetBuffers()...) {
		known := part[:min(offset, uint64(len(part)))]
		sum = crc32.Update(sum, crc32.IEEETable, known)
		offset -= uint64(len(known))
	}
	return sum == request.GetReceivedCrc32()
}
