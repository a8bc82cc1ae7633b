package codec

import (
	"encoding/json"
	"fmt"

	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
)

// reference is the name in the object {"$ref": KEY} that stands for the result of a task.
const reference = "$ref"

// Resolve puts results in the places of their keys inside a "json" value; see Payload.refs.
func Resolve(payload *pb.Payload, results map[string]*pb.Payload) (*pb.Payload, error) {
	if len(payload.GetRefs()) == 0 {
		return payload, nil
	}
	if payload.GetCodec() != JSON {
		return nil, &Unsupported{
			Offered:  fmt.Sprintf("a value in the codec %q with results inside", payload.GetCodec()),
			Accepted: []string{JSON},
		}
	}
	value, err := exact(payload.GetData())
	if err != nil {
		return nil, err
	}
	known := make(map[string]any, len(payload.GetRefs()))
	for _, key := range payload.GetRefs() {
		result, ok := results[key]
		if !ok {
			return nil, fmt.Errorf("the result of %q is not at hand", key)
		}
		inside, err := Convert(result, []string{JSON})
		if err != nil {
			return nil, err
		}
		known[key] = json.RawMessage(inside.GetData())
	}
	data, err := json.Marshal(resolved(value, known))
	if err != nil {
		return nil, err
	}
	return &pb.Payload{Codec: JSON, Data: data}, nil
}

func resolved(value any, results map[string]any) any {
	switch value := value.(type) {
	case []any:
		for index, item := range value {
			value[index] = resolved(item, results)
		}
	case map[string]any:
		if key, ok := value[reference].(string); ok && len(value) == 1 {
			if result, known := results[key]; known {
				return result
			}
		}
		for name, item := range value {
			value[name] = resolved(item, results)
		}
	}
	return value
}
