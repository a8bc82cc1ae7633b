package codec

import (
	"errors"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

func TestValuesAreSaidInTheFirstCodecThatCan(t *testing.T) {
	type point struct {
		X int `json:"x"`
	}
	for _, each := range []struct {
		value  any
		wanted []string
		codec  string
		data   string
	}{
		{nil, nil, Null, ""},
		{(*point)(nil), nil, Null, ""},
		{[]byte{0, 255}, nil, Raw, "\x00\xff"},
		{"a<b", nil, Text, "a<b"},
		{"a<b", []string{JSON}, JSON, `"a<b"`},
		{point{3}, nil, JSON, `{"x":3}`},
		{[]int(nil), nil, JSON, "[]"},
		{map[string]int(nil), nil, JSON, "{}"},
		{nil, []string{JSON}, JSON, "null"},
		{1 << 62, nil, JSON, "4611686018427387904"},
		{1, []string{"python/pickle5", JSON}, JSON, "1"},
	} {
		payload, err := Encode(each.value, each.wanted)
		if err != nil {
			t.Errorf("%#v: %v", each.value, err)
		} else if payload.GetCodec() != each.codec || string(payload.GetData()) != each.data {
			t.Errorf("%#v became %s %q", each.value, payload.GetCodec(), payload.GetData())
		}
	}
}

func TestAValueThatNoCodecSaysIsRefusedWithItsTypeAndTheList(t *testing.T) {
	for _, each := range []struct {
		value  any
		wanted []string
	}{
		{math.NaN(), nil},
		{make(chan int), nil},
		{"\xff", nil},
		{[]byte("a"), []string{JSON, Text}},
		{1, []string{"arrow"}},
	} {
		_, err := Encode(each.value, each.wanted)
		var unsupported *Unsupported
		if !errors.As(err, &unsupported) || unsupported.Offered == "" || len(unsupported.Accepted) == 0 {
			t.Errorf("%#v: %v", each.value, err)
		}
	}
}

func TestValuesAreReadIntoWhatTheyFit(t *testing.T) {
	for _, each := range []struct {
		codec, data string
		want        any
	}{
		{Null, "", (*int)(nil)},
		{"", "", map[string]int(nil)},
		{Raw, "ab", []byte("ab")},
		{Raw, "ab", "ab"},
		{Text, "ab", "ab"},
		{Text, "ab", []byte("ab")},
		{Text, "127.0.0.1", netip.MustParseAddr("127.0.0.1")},
		{JSON, "[1,2]", []int{1, 2}},
		{JSON, `{"a":1.5}`, map[string]any{"a": 1.5}},
		{JSON, "9007199254740993", int64(9007199254740993)},
	} {
		place := reflect.New(reflect.TypeOf(each.want))
		err := Decode(&pb.Payload{Codec: each.codec, Data: []byte(each.data)}, place.Interface())
		if err != nil || !reflect.DeepEqual(place.Elem().Interface(), each.want) {
			t.Errorf("%s %q became %#v, %v", each.codec, each.data, place.Elem().Interface(), err)
		}
	}
	var anything any
	for codec, want := range map[string]any{Null: nil, Raw: []byte("1"), Text: "1", JSON: 1.0} {
		err := Decode(&pb.Payload{Codec: codec, Data: []byte("1")}, &anything)
		if err != nil || !reflect.DeepEqual(anything, want) {
			t.Errorf("%s became %#v, %v", codec, anything, err)
		}
	}
}

func TestWhatDoesNotFitIsAnError(t *testing.T) {
	var number int
	for _, payload := range []*pb.Payload{
		{Codec: Null},
		{Codec: Text, Data: []byte("1")},
		{Codec: JSON, Data: []byte(`"1"`)},
		{Codec: "python/pickle5", Data: []byte("1")},
		{Codec: JSON, Compression: "gzip", Data: []byte("1")},
	} {
		if err := Decode(payload, &number); err == nil {
			t.Errorf("%v became %d", payload, number)
		}
	}
}

func TestAnEncodedValueIsPassedOnOrSaidOtherwise(t *testing.T) {
	pickled := &pb.Payload{Codec: "python/pickle5", Data: []byte("p")}
	for _, accepted := range [][]string{nil, {"python/pickle5"}} {
		if same, err := Convert(pickled, accepted); err != nil || same != pickled {
			t.Errorf("accepted %v: %v, %v", accepted, same, err)
		}
	}
	if _, err := Convert(pickled, Names); err == nil {
		t.Error("a pickle is said in a codec that every language reads")
	}
	if sayable := Sayable(&pb.Payload{Codec: Text, Data: []byte("a")}); !slices.Equal(sayable, []string{Text, JSON}) {
		t.Errorf("a text can be said in %v", sayable)
	}
	text := &pb.Payload{Codec: Text, Data: []byte("a")}
	for wanted, accepted := range map[string][]string{
		JSON: {"arrow", JSON, Text}, Text: {Null, Raw, Text, JSON},
	} {
		if said, err := Convert(text, accepted); err != nil || said.GetCodec() != wanted {
			t.Errorf("of %v: %v, %v", accepted, said, err)
		}
	}
	for data, wanted := range map[string]string{`[1]`: JSON, `"a"`: Text, `null`: Null} {
		said, err := Convert(&pb.Payload{Codec: JSON, Data: []byte(data)}, Names)
		if err != nil || said.GetCodec() != wanted {
			t.Errorf("%s is said in %v, %v", data, said, err)
		}
	}
	exactly, err := Convert(&pb.Payload{Codec: JSON, Data: []byte(`"text"`)}, []string{Text})
	if err != nil || string(exactly.GetData()) != "text" {
		t.Errorf("JSON became %v, %v", exactly, err)
	}
}

func TestResultsTakeThePlacesOfTheirKeys(t *testing.T) {
	literal := &pb.Payload{
		Codec: JSON,
		Refs:  []string{"a", "b"},
		Data:  []byte(`[{"$ref":"a"},{"x":[{"$ref":"b"}]},{"$ref":"other"},12345678901234567890]`),
	}
	results := map[string]*pb.Payload{
		"a": {Codec: JSON, Data: []byte("[1]")},
		"b": {Codec: Text, Data: []byte("hi")},
	}
	resolved, err := Resolve(literal, results)
	if want := `[[1],{"x":["hi"]},{"$ref":"other"},12345678901234567890]`; err != nil || string(resolved.GetData()) != want {
		t.Errorf("it became %s, %v", resolved.GetData(), err)
	}
	delete(results, "b")
	if _, err := Resolve(literal, results); err == nil {
		t.Error("a result that is missing is no error")
	}
}
