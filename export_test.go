package veche

// FakeLoad makes a server believe what share of the machine it uses, 0 to 1; before anybody has joined.
func (s *Server) FakeLoad(share func() float64) { s.busy = share }
