package wire

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// certificateName is whom certificates name: members come and go, on hosts without a name, so it is the
// cluster.
const certificateName = "gdistributed"

// Security is what both sides of a connection show, and expect to see: the certificates of a cluster.
// Connections of a nil Security are plain.
type Security struct {
	folder      string
	authorities *x509.CertPool
}

// LoadSecurity reads ca.crt, tls.crt and tls.key (PEM) in a folder; without a folder it is nil. The last
// two are read again for each connection, so new ones count from then on.
func LoadSecurity(folder string) (*Security, error) {
	if folder == "" {
		return nil, nil
	}
	authority, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("the certificates of the cluster: %w", err)
	}
	s := &Security{folder: folder, authorities: x509.NewCertPool()}
	if !s.authorities.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("no certificate in %s", filepath.Join(folder, "ca.crt"))
	}
	_, err = s.certificate()
	return s, err
}

func (s *Security) certificate() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(s.folder, "tls.crt"), filepath.Join(s.folder, "tls.key"))
	if err != nil {
		return nil, fmt.Errorf("the certificates of the cluster: %w", err)
	}
	return &pair, nil
}

// dialing returns what a connection to an address begins with. Through a file it is plain: the rights of
// the file say who may.
func (s *Security) dialing(address string) credentials.TransportCredentials {
	if s == nil || strings.HasPrefix(address, "unix:") {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: certificateName,
		RootCAs:    s.authorities,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return s.certificate()
		},
	})
}

// serving returns what connections that a server accepts begin with.
func (s *Security) serving() credentials.TransportCredentials {
	if s == nil {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs:  s.authorities,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.certificate()
		},
	})
}
