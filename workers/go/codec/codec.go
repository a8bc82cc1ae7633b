// Package codec says Go values in the codecs of the protocol, and reads them again.
//
// Go values travel in the codecs that every language reads: "null", "raw", "text" and "json". A value
// in any other codec is passed on as it is; only who needs it decoded fails.
package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// The codecs that this package reads and writes; see Payload.codec in value.proto.
const (
	Null = "null"
	Raw  = "raw"
	Text = "text"
	JSON = "json"
)

// Names are the codecs that this package reads and writes, best first.
var Names = []string{Null, Raw, Text, JSON}

// Unsupported is the error for a value that no codec in question can say.
type Unsupported struct {
	// Offered says what there is: a Go type or a codec.
	Offered string
	// Accepted are the codecs that would do.
	Accepted []string
	// Cause says more; it may be nil.
	Cause error
}

func (u *Unsupported) Error() string {
	text := fmt.Sprintf("%s cannot be said in any of the codecs that are accepted: %s",
		u.Offered, strings.Join(u.Accepted, ", "))
	if u.Cause != nil {
		text += " (" + u.Cause.Error() + ")"
	}
	return text
}

func (u *Unsupported) Unwrap() error { return u.Cause }

// Reads says whether values in a codec can be decoded here.
func Reads(codec string) bool {
	return codec == "" || slices.Contains(Names, codec)
}

// Size is the number of bytes of an encoded value.
func Size(payload *pb.Payload) int {
	size := len(payload.GetData())
	for _, buffer := range payload.GetBuffers() {
		size += len(buffer)
	}
	return size
}

// Encode says a value in the first of the wanted codecs that can say it; none wanted means Names.
//
// A []byte is "raw", a string is "text", nil is "null", and everything else is what encoding/json
// makes of it, but that an empty slice or map is never null. A *pb.Payload stands for itself.
func Encode(value any, wanted []string) (*pb.Payload, error) {
	if len(wanted) == 0 {
		wanted = Names
	}
	if payload, ok := value.(*pb.Payload); ok && payload != nil {
		return Convert(payload, wanted)
	}
	unsupported := &Unsupported{Offered: fmt.Sprintf("a value of type %T", value), Accepted: wanted}
	for _, name := range wanted {
		data, ok, err := encodeIn(name, value)
		if ok {
			return &pb.Payload{Codec: name, Data: data}, nil
		}
		if err != nil {
			unsupported.Cause = err
		}
	}
	return nil, unsupported
}

func encodeIn(name string, value any) (data []byte, ok bool, err error) {
	kind := reflect.ValueOf(value)
	switch name {
	case Null:
		return nil, isNil(kind), nil
	case Raw:
		if isBytes(kind) {
			return kind.Bytes(), true, nil
		}
	case Text:
		if kind.Kind() == reflect.String && utf8.ValidString(kind.String()) {
			return []byte(kind.String()), true, nil
		}
	case JSON:
		return encodeJSON(kind, value)
	}
	return nil, false, nil
}

func encodeJSON(kind reflect.Value, value any) (data []byte, ok bool, err error) {
	if _, own := value.(json.Marshaler); !own {
		switch {
		case isBytes(kind):
			return nil, false, nil // a reader would not know that it is base64
		case kind.Kind() == reflect.String && !utf8.ValidString(kind.String()):
			return nil, false, fmt.Errorf("it is no UTF-8: return []byte instead")
		case kind.Kind() == reflect.Slice && kind.IsNil():
			return []byte("[]"), true, nil
		case kind.Kind() == reflect.Map && kind.IsNil():
			return []byte("{}"), true, nil
		}
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, false, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), true, nil
}

// Convert says an encoded value in the first of the accepted codecs that can say it; none accepted
// means that it stays as it is.
func Convert(payload *pb.Payload, accepted []string) (*pb.Payload, error) {
	from := nameOf(payload)
	if len(accepted) == 0 {
		return payload, nil
	}
	others := otherWays(payload)
	for _, name := range accepted {
		if name == from {
			return payload, nil
		}
		if !slices.Contains(others, name) {
			continue
		}
		var value any
		if err := Decode(payload, &value); err != nil {
			return nil, err
		}
		if data, ok, _ := encodeIn(name, value); ok {
			return &pb.Payload{Codec: name, Data: data}, nil
		}
	}
	return nil, &Unsupported{Offered: fmt.Sprintf("a value in the codec %q", from), Accepted: accepted}
}

func nameOf(payload *pb.Payload) string {
	if payload.GetCodec() == "" {
		return Null
	}
	return payload.GetCodec()
}

// otherWays returns the codecs beside its own in which an encoded value might be said. Of JSON that is
// told by its first byte: it may be long.
func otherWays(payload *pb.Payload) []string {
	if payload.GetCompression() != "" {
		return nil
	}
	switch nameOf(payload) {
	case Null, Text:
		return []string{JSON}
	case JSON:
		text := bytes.TrimLeft(payload.GetData(), " \t\r\n")
		switch {
		case bytes.HasPrefix(text, []byte(`"`)):
			return []string{Text}
		case bytes.HasPrefix(text, []byte("null")):
			return []string{Null}
		}
	}
	return nil
}

// Sayable returns the codecs in which an encoded value can be said here.
func Sayable(payload *pb.Payload) []string {
	sayable := []string{payload.GetCodec()}
	for _, name := range Names {
		if _, err := Convert(payload, []string{name}); err == nil && name != payload.GetCodec() {
			sayable = append(sayable, name)
		}
	}
	return sayable
}

// exact reads JSON without a loss: numbers keep their digits.
func exact(data []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

func isNil(value reflect.Value) bool {
	if !value.IsValid() {
		return true
	}
	return (value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface) && value.IsNil()
}

func isBytes(value reflect.Value) bool {
	return value.IsValid() && value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Uint8
}
