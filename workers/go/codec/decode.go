package codec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// Decode reads an encoded value into what target points to, as json.Unmarshal does.
//
// "raw" fits a []byte or a string, "text" a string, a []byte or an encoding.TextUnmarshaler, "null"
// what can be nil, and "json" whatever encoding/json can put it into. An any gets a []byte, a string,
// nil, or what encoding/json makes of it. A **pb.Payload gets the encoded value as it is. A []byte
// that was "raw" is not copied: it must not be changed.
func Decode(payload *pb.Payload, target any) error {
	place := reflect.ValueOf(target)
	if place.Kind() != reflect.Pointer || place.IsNil() {
		return fmt.Errorf("a value can be decoded into a pointer only, not into a %T", target)
	}
	if whole, ok := target.(**pb.Payload); ok {
		*whole = payload
		return nil
	}
	if payload.GetCompression() != "" {
		return &Unsupported{Offered: "a value compressed with " + payload.GetCompression(), Accepted: Names}
	}
	place = place.Elem()
	data := payload.GetData()
	switch payload.GetCodec() {
	case "", Null:
		return decodeNull(place)
	case Raw:
		return decodeBytes(place, data, "bytes")
	case Text:
		if reader, ok := target.(encoding.TextUnmarshaler); ok {
			return reader.UnmarshalText(data)
		}
		if place.Kind() == reflect.Interface && place.NumMethod() == 0 {
			place.Set(reflect.ValueOf(string(data)))
			return nil
		}
		return decodeBytes(place, data, "text")
	case JSON:
		return json.Unmarshal(data, target)
	}
	return &Unsupported{
		Offered:  fmt.Sprintf("a value in the codec %q", payload.GetCodec()),
		Accepted: Names,
	}
}

func decodeNull(place reflect.Value) error {
	switch place.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		place.SetZero()
		return nil
	}
	return fmt.Errorf("null is no %s", place.Type())
}

func decodeBytes(place reflect.Value, data []byte, what string) error {
	switch {
	case place.Kind() == reflect.Slice && place.Type().Elem().Kind() == reflect.Uint8:
		place.SetBytes(data)
	case place.Kind() == reflect.String:
		place.SetString(string(data))
	case place.Kind() == reflect.Interface && place.NumMethod() == 0:
		place.Set(reflect.ValueOf(data))
	case place.Kind() == reflect.Pointer:
		inner := reflect.New(place.Type().Elem())
		if err := decodeBytes(inner.Elem(), data, what); err != nil {
			return err
		}
		place.Set(inner)
	default:
		return fmt.Errorf("%s is no %s", what, place.Type())
	}
	return nil
}
