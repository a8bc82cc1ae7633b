// Package worker makes a program a worker of a gdistributed cluster, which runs Go functions by name.
//
//	func main() {
//		worker.Main(
//			worker.Offer("wordcount.Count", "Count how often each word stands in a text.", Count),
//		)
//	}
package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/gdistributed/gdistributed/workers/go/codec"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// descriptionMax is how long a description may be, in characters.
const descriptionMax = 200

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
	payloadType = reflect.TypeFor[*pb.Payload]()
)

// Function is a Go function that a worker offers under a name. It is made by Offer.
type Function struct {
	// Name to call it by, unique on the worker.
	Name string
	// Description in a line, for people.
	Description string

	body       reflect.Value
	parameters []reflect.Type // without the context
	takesCtx   bool
	givesValue bool
	givesError bool
}

// Offer makes a Function of a Go function.
//
// The function may take a context.Context first, which is cancelled when nobody wants the result any
// more; then any parameters that package codec can decode into, the last one variadic if it likes. It
// returns a value that package codec can encode, or an error, or both, or nothing. Values are shared:
// a []byte that it is given must not be changed. Arguments that are given by name make one more
// argument, an object with these names: a struct or a map takes it.
//
// Offer panics when the function or the description has another form, since that is a mistake in the program.
func Offer(name, description string, function any) Function {
	if strings.Contains(description, "\n") || utf8.RuneCountInString(description) > descriptionMax {
		panic(fmt.Sprintf("worker.Offer(%q): a description is one line of at most %d characters", name, descriptionMax))
	}
	body := reflect.ValueOf(function)
	if name == "" || body.Kind() != reflect.Func || body.IsNil() {
		panic(fmt.Sprintf("worker.Offer(%q): a name and a function are needed, not a %T", name, function))
	}
	offered := Function{Name: name, Description: description, body: body}
	kind := body.Type()
	for index := range kind.NumIn() {
		if index == 0 && kind.In(0) == contextType {
			offered.takesCtx = true
		} else {
			offered.parameters = append(offered.parameters, kind.In(index))
		}
	}
	results := kind.NumOut()
	if results > 0 && kind.Out(results-1) == errorType {
		offered.givesError = true
		results--
	}
	if results > 1 {
		panic(fmt.Sprintf("worker.Offer(%q): a function returns a value, an error, or both", name))
	}
	offered.givesValue = results == 1
	return offered
}

// returns are the codecs of the result, as far as its type tells; none means any.
func (f Function) returns() []string {
	if !f.givesValue {
		return []string{codec.Null}
	}
	switch kind := f.body.Type().Out(0); {
	case kind == payloadType || kind.Kind() == reflect.Interface:
		return nil
	case kind.Kind() == reflect.String:
		return []string{codec.Text, codec.JSON}
	case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Uint8:
		return []string{codec.Raw}
	case kind.Kind() == reflect.Pointer:
		return []string{codec.JSON, codec.Null}
	}
	return []string{codec.JSON}
}

// call decodes the arguments, calls the function and returns what it returned. A panic of the
// function goes through.
func (f Function) call(ctx context.Context, arguments *pb.Arguments, results map[string]*pb.Payload) (any, error) {
	given, err := payloads(arguments, results)
	if err != nil {
		return nil, &badCall{f.Name, err}
	}
	values, err := f.values(ctx, given)
	if err != nil {
		return nil, &badCall{f.Name, err}
	}
	returned := f.body.Call(values)
	if f.givesError {
		if failure := returned[len(returned)-1]; !failure.IsNil() {
			return nil, failure.Interface().(error)
		}
	}
	if f.givesValue {
		return returned[0].Interface(), nil
	}
	return nil, nil
}

func (f Function) values(ctx context.Context, given []*pb.Payload) ([]reflect.Value, error) {
	fixed, variadic := len(f.parameters), f.body.Type().IsVariadic()
	if variadic {
		fixed--
	}
	if len(given) < fixed || (len(given) > fixed && !variadic) {
		return nil, fmt.Errorf("it takes %s, and %d were given", f.arity(fixed, variadic), len(given))
	}
	values := make([]reflect.Value, 0, len(given)+1)
	if f.takesCtx {
		values = append(values, reflect.ValueOf(ctx))
	}
	for index, payload := range given {
		var parameter reflect.Type
		if index < fixed {
			parameter = f.parameters[index]
		} else {
			parameter = f.parameters[fixed].Elem()
		}
		place := reflect.New(parameter)
		if err := codec.Decode(payload, place.Interface()); err != nil {
			return nil, fmt.Errorf("argument %d, a %s: %w", index, parameter, err)
		}
		values = append(values, place.Elem())
	}
	return values, nil
}

func (f Function) arity(fixed int, variadic bool) string {
	if variadic {
		return fmt.Sprintf("at least %d arguments", fixed)
	}
	return fmt.Sprintf("%d arguments", fixed)
}

// payloads returns the encoded arguments, with the results of other tasks in the places of their keys.
func payloads(arguments *pb.Arguments, results map[string]*pb.Payload) ([]*pb.Payload, error) {
	if packed := arguments.GetPacked(); packed != nil {
		return nil, &codec.Unsupported{
			Offered:  fmt.Sprintf("a call that is packed in the codec %q", packed.GetCodec()),
			Accepted: codec.Names,
		}
	}
	var given []*pb.Payload
	named := map[string]json.RawMessage{}
	for _, argument := range arguments.GetArguments() {
		payload, err := payloadOf(argument, results)
		if err != nil {
			return nil, err
		}
		if argument.GetName() == "" {
			given = append(given, payload)
			continue
		}
		if payload, err = codec.Convert(payload, []string{codec.JSON}); err != nil {
			return nil, fmt.Errorf("argument %q: %w", argument.GetName(), err)
		}
		named[argument.GetName()] = payload.GetData()
	}
	if len(named) > 0 {
		object, err := codec.Encode(named, []string{codec.JSON})
		if err != nil {
			return nil, err
		}
		given = append(given, object)
	}
	return given, nil
}

func payloadOf(argument *pb.Argument, results map[string]*pb.Payload) (*pb.Payload, error) {
	switch value := argument.GetValue().(type) {
	case *pb.Argument_Key:
		if payload := results[value.Key]; payload != nil {
			return payload, nil
		}
		return nil, fmt.Errorf("the result of %q is not at hand", value.Key)
	case *pb.Argument_Literal:
		return codec.Resolve(value.Literal, results)
	}
	return nil, fmt.Errorf("an argument has no value that this worker knows")
}
