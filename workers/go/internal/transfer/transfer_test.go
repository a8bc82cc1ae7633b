package transfer

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// cut returns the messages in which values travel, as a reader sees them.
func cut(t *testing.T, size uint32, start uint64, values ...Outgoing) []*pb.GetDataResponse {
	t.Helper()
	var messages []*pb.GetDataResponse
	cutter := NewCutter(size, start, func(message *pb.GetDataResponse) error {
		messages = append(messages, proto.Clone(message).(*pb.GetDataResponse))
		return nil
	})
	for _, value := range values {
		if err := cutter.Add(value); err != nil {
			t.Fatal(err)
		}
	}
	if err := cutter.Flush(); err != nil {
		t.Fatal(err)
	}
	return messages
}

func assemble(t *testing.T, messages []*pb.GetDataResponse) []Incoming {
	t.Helper()
	var assembler Assembler
	var values []Incoming
	for _, message := range messages {
		complete, err := assembler.Add(message.GetItems(), message.GetChunk())
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, complete...)
	}
	if err := assembler.End(); err != nil {
		t.Fatal(err)
	}
	return values
}

func largeValue() *pb.Payload {
	pattern := []byte("0123456789abcdef-")
	return &pb.Payload{
		Codec:      "python/pickle5",
		Attributes: map[string]string{"python_version": "3.11"},
		Data:       bytes.Repeat(pattern, 10_000),
		Buffers:    [][]byte{{}, bytes.Repeat(pattern, 20_000), []byte("end")},
	}
}

func TestLargeAndSmallValuesArriveAsTheyWere(t *testing.T) {
	small := &pb.Payload{Codec: "text", Data: []byte("hello")}
	messages := cut(t, 1000, 0,
		Outgoing{Index: 0, Value: small, Bytes: 5, Type: "string"},
		Outgoing{Index: 1, Value: largeValue(), Bytes: 7, Type: "bytes"},
		Outgoing{Index: 2},
		Outgoing{Index: 3, Error: &pb.TaskError{Reason: "CODEC_UNSUPPORTED"}},
	)
	values := assemble(t, messages)
	if len(values) != 4 || !proto.Equal(values[0].Value, small) || !proto.Equal(values[1].Value, largeValue()) {
		t.Fatalf("%d values came", len(values))
	}
	if values[1].Type != "bytes" || values[1].Bytes != 7 || values[1].Index != 1 {
		t.Errorf("of the large value this is known: %+v", values[1])
	}
	if values[2].Value != nil || values[2].Error != nil || values[3].Error.GetReason() != "CODEC_UNSUPPORTED" {
		t.Errorf("bad news: %+v, %+v", values[2], values[3])
	}
}

func TestAValueGoesOnAtAnOffset(t *testing.T) {
	value := largeValue()
	whole := append(bytes.Clone(value.Data), bytes.Join(value.Buffers, nil)...)
	for _, start := range []uint64{1, 1000, 170_000, 170_001, uint64(len(whole) - 1)} {
		var rest []byte
		for index, message := range cut(t, 1000, start, Outgoing{Value: value}) {
			chunk := message.GetChunk()
			if chunk.GetOffset() != start+uint64(len(rest)) || (chunk.GetHeader() != nil) != (index == 0) {
				t.Fatalf("from %d: chunk %d is at %d", start, index, chunk.GetOffset())
			}
			rest = append(rest, chunk.GetData()...)
		}
		if !bytes.Equal(rest, whole[start:]) {
			t.Errorf("from %d: %d bytes came", start, len(rest))
		}
	}
}

func TestPiecesThatDoNotFitAreRefused(t *testing.T) {
	faults := map[string]func([]*pb.GetDataResponse) []*pb.GetDataResponse{
		"a wrong checksum": func(m []*pb.GetDataResponse) []*pb.GetDataResponse {
			m[1].Chunk.Crc32++
			return m
		},
		"a gap":       func(m []*pb.GetDataResponse) []*pb.GetDataResponse { return append(m[:1], m[2:]...) },
		"no header":   func(m []*pb.GetDataResponse) []*pb.GetDataResponse { return m[1:] },
		"another one": func(m []*pb.GetDataResponse) []*pb.GetDataResponse { return append(m[:1], m[0]) },
		"an end":      func(m []*pb.GetDataResponse) []*pb.GetDataResponse { return m[:3] },
		"a huge part": func(m []*pb.GetDataResponse) []*pb.GetDataResponse {
			m[0].Chunk.Header.DataNbytes = 1 << 62
			return m
		},
	}
	for name, spoil := range faults {
		var assembler Assembler
		var failure error
		for _, message := range spoil(cut(t, 1000, 0, Outgoing{Value: largeValue()})) {
			if _, err := assembler.Add(nil, message.GetChunk()); err != nil {
				failure = err
				break
			}
		}
		if failure == nil {
			failure = assembler.End()
		}
		var bad *BadChunk
		if !errors.As(failure, &bad) {
			t.Errorf("%s: %v", name, failure)
		}
	}
}
