package transfer

import (
	"fmt"
	"hash/crc32"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// Incoming is a value that has come, or why there is none: Value, Error, or neither when the sender
// does not hold it.
type Incoming Outgoing

// Assembler puts values together from the messages of one call.
type Assembler struct {
	growing *growing
}

// growing is a value of which some pieces have come.
type growing struct {
	value  Incoming
	offset uint64
	parts  [][]byte // what is left to be filled
}

// BadChunk is the error for pieces that do not fit together.
type BadChunk struct {
	Why string
}

func (b *BadChunk) Error() string { return "the pieces of a value do not fit together: " + b.Why }

// Add takes in a message, and returns the values that are complete by it.
func (a *Assembler) Add(items []*pb.DataItem, chunk *pb.DataChunk) ([]Incoming, error) {
	var complete []Incoming
	for _, item := range items {
		complete = append(complete, Incoming{
			Index: item.GetIndex(),
			Value: item.GetValue(),
			Bytes: item.GetNbytes(),
			Type:  item.GetType(),
			Error: item.GetError(),
		})
	}
	if chunk == nil {
		return complete, nil
	}
	if header := chunk.GetHeader(); header != nil {
		if a.growing != nil {
			return nil, &BadChunk{"the value before it is not complete"}
		}
		if err := check(header); err != nil {
			return nil, err
		}
		a.growing = begin(chunk.GetIndex(), header)
	}
	if a.growing == nil || a.growing.value.Index != chunk.GetIndex() {
		return nil, &BadChunk{"a piece has no header"}
	}
	if err := a.growing.add(chunk); err != nil {
		return nil, err
	}
	if len(a.growing.parts) == 0 {
		complete = append(complete, a.growing.value)
		a.growing = nil
	}
	return complete, nil
}

// End says that no further message comes; it is an error when a value is not complete.
func (a *Assembler) End() error {
	if a.growing != nil {
		return &BadChunk{fmt.Sprintf("the last value ends after %d bytes, too early", a.growing.offset)}
	}
	return nil
}

// partBytesMax bounds what is set aside because a header says so.
const partBytesMax = 1 << 40

func check(header *pb.DataHeader) error {
	for _, bytes := range append([]uint64{header.GetDataNbytes()}, header.GetBufferNbytes()...) {
		if bytes > partBytesMax {
			return &BadChunk{fmt.Sprintf("a part of %d bytes is announced", bytes)}
		}
	}
	return nil
}

func begin(index uint32, header *pb.DataHeader) *growing {
	value := header.GetValue()
	if value == nil {
		value = &pb.Payload{}
	}
	value.Data = make([]byte, header.GetDataNbytes())
	parts := [][]byte{value.Data}
	for _, bytes := range header.GetBufferNbytes() {
		buffer := make([]byte, bytes)
		value.Buffers = append(value.Buffers, buffer)
		parts = append(parts, buffer)
	}
	begun := &growing{
		value: Incoming{Index: index, Value: value, Bytes: header.GetNbytes(), Type: header.GetType()},
		parts: parts,
	}
	begun.skipFull()
	return begun
}

func (g *growing) add(chunk *pb.DataChunk) error {
	data := chunk.GetData()
	if chunk.GetOffset() != g.offset {
		return &BadChunk{fmt.Sprintf("a piece at offset %d came, one at %d was expected", chunk.GetOffset(), g.offset)}
	}
	if crc32.ChecksumIEEE(data) != chunk.GetCrc32() {
		return &BadChunk{fmt.Sprintf("the checksum of the piece at offset %d is wrong", g.offset)}
	}
	g.offset += uint64(len(data))
	for len(data) > 0 {
		if len(g.parts) == 0 {
			return &BadChunk{"a piece reaches beyond the end of the value"}
		}
		count := copy(g.parts[0], data)
		g.parts[0], data = g.parts[0][count:], data[count:]
		g.skipFull()
	}
	return nil
}

func (g *growing) skipFull() {
	for len(g.parts) > 0 && len(g.parts[0]) == 0 {
		g.parts = g.parts[1:]
	}
}
