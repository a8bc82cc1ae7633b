package client

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gdistributed/gdistributed/workers/go/codec"
	pb "github.com/gdistributed/gdistributed/workers/go/gen/gdistributed/v1"
	"github.com/gdistributed/gdistributed/workers/go/internal/wire"
)

// Call is a call of a named function.
type Call struct {
	// Runtime of the function: "go", "python", ...
	Runtime string
	// Function by name; for Python also any that can be imported, as "module.name".
	Function string
	// Arguments are values that package codec can encode, or futures.
	Arguments []any
	// Named arguments follow the others.
	Named map[string]any
	// Key names the task and its result. A key that the cluster knows is the same task. By default it
	// is a new one.
	Key string
	// Retries is how often a task that failed is run again.
	Retries uint32
	// Priority: higher runs sooner.
	Priority int32
	// Workers that may run it, by name, address or host; none means any.
	Workers []string
}

// Submit has a function called somewhere in the cluster.
func (c *Client) Submit(runtime, function string, arguments ...any) (*Future, error) {
	return c.SubmitCall(Call{Runtime: runtime, Function: function, Arguments: arguments})
}

// SubmitCall has a function called, as Submit does, with all that can be said of a call. It is an error
// when an argument cannot be encoded, or when the client is closed.
func (c *Client) SubmitCall(call Call) (*Future, error) {
	if call.Runtime == "" || call.Function == "" {
		return nil, fmt.Errorf("a call needs a runtime and a function")
	}
	arguments, dependencies, err := encoded(call)
	if err != nil {
		return nil, err
	}
	if call.Key == "" {
		call.Key = call.Function + "-" + wire.NewID()
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended != nil {
		return nil, c.ended
	}
	task := &pb.TaskSpec{
		Key:          call.Key,
		Template:     c.template(call),
		Dependencies: dependencies,
		Arguments:    arguments,
	}
	c.lastGraph++
	graph := &pb.SubmitGraph{Number: c.lastGraph, Tasks: []*pb.TaskSpec{task}, WantsAll: true}
	c.graphs = append(c.graphs, graph)
	batch := c.batch(len(arguments))
	batch.Graphs = append(batch.Graphs, graph)
	future := c.future(call.Key)
	c.wakeUp()
	return future, nil
}

// future counts one more future of a key; the mutex is held.
func (c *Client) future(key string) *Future {
	wanted := c.records[key]
	if wanted == nil {
		wanted = newRecord(key)
		c.records[key] = wanted
	}
	wanted.futures++
	return &Future{client: c, record: wanted}
}

func (c *Client) release(record *record) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	record.futures--
	if record.futures == 0 && c.records[record.key] == record {
		delete(c.records, record.key)
		batch := c.lastBatch(len(record.key))
		batch.Release = append(batch.Release, record.key)
		c.wakeUp()
	}
}

// template returns the number of the template for a call, and announces it when it is new.
func (c *Client) template(call Call) uint32 {
	function := &pb.Function{
		Id:      call.Runtime + ":" + call.Function,
		Runtime: call.Runtime,
		Body:    &pb.Function_Name{Name: call.Function},
	}
	template := &pb.TaskTemplate{
		FunctionId:   function.GetId(),
		Prefix:       call.Function,
		Priority:     call.Priority,
		Retries:      call.Retries,
		Workers:      call.Workers,
		ResultCodecs: codec.Names,
	}
	for _, known := range c.templates {
		template.Id = known.GetId()
		if proto.Equal(known, template) {
			return known.GetId()
		}
	}
	template.Id = uint32(len(c.templates) + 1)
	c.templates = append(c.templates, template)
	batch := c.batch(2 * len(call.Function))
	if !slices.ContainsFunc(c.functions, func(known *pb.Function) bool { return known.GetId() == function.GetId() }) {
		c.functions = append(c.functions, function)
		batch.Functions = append(batch.Functions, function)
	}
	batch.Templates = append(batch.Templates, template)
	return template.GetId()
}

// encoded returns the arguments of a call, serialised, and the keys that they refer to.
func encoded(call Call) (arguments []byte, dependencies []string, err error) {
	var message pb.Arguments
	add := func(name string, value any) error {
		argument := &pb.Argument{Name: name}
		if future, ok := value.(*Future); ok {
			argument.Value = &pb.Argument_Key{Key: future.Key()}
			if !slices.Contains(dependencies, future.Key()) {
				dependencies = append(dependencies, future.Key())
			}
		} else {
			payload, err := codec.Encode(value, nil)
			if err != nil {
				return err
			}
			argument.Value = &pb.Argument_Literal{Literal: payload}
		}
		message.Arguments = append(message.Arguments, argument)
		return nil
	}
	for index, value := range call.Arguments {
		if err := add("", value); err != nil {
			return nil, nil, fmt.Errorf("argument %d: %w", index, err)
		}
	}
	for name, value := range call.Named {
		if err := add(name, value); err != nil {
			return nil, nil, fmt.Errorf("argument %q: %w", name, err)
		}
	}
	arguments, err = proto.Marshal(&message)
	return arguments, dependencies, err
}
