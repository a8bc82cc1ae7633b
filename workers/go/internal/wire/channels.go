package wire

import (
	"errors"
	"sync"

	"google.golang.org/grpc"
)

// Channels are connections to peers by address, opened once and closed together.
type Channels struct {
	// Security of the connections; nil for plain ones.
	Security *Security

	mutex     sync.Mutex
	byAddress map[string]*grpc.ClientConn
}

// Get returns the connection to an address.
func (c *Channels) Get(address string) (*grpc.ClientConn, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if channel := c.byAddress[address]; channel != nil {
		return channel, nil
	}
	channel, err := Dial(address, c.Security)
	if err != nil {
		return nil, err
	}
	if c.byAddress == nil {
		c.byAddress = map[string]*grpc.ClientConn{}
	}
	c.byAddress[address] = channel
	return channel, nil
}

// Forget closes the connection to a peer that does not answer. Other calls to it fail too.
func (c *Channels) Forget(address string) {
	c.mutex.Lock()
	channel := c.byAddress[address]
	delete(c.byAddress, address)
	c.mutex.Unlock()
	if channel != nil {
		channel.Close()
	}
}

// Close closes all connections.
func (c *Channels) Close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var failed error
	for address, channel := range c.byAddress {
		failed = errors.Join(failed, channel.Close())
		delete(c.byAddress, address)
	}
	return failed
}
