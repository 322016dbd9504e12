package dbn

// ShrinkDecoders makes the buffers of new Decoders small until restore is called.
func ShrinkDecoders() (restore func()) {
	buffer, window := decoderBuffer, maxWindow
	decoderBuffer, maxWindow = 4<<10, 8<<20
	return func() { decoderBuffer, maxWindow = buffer, window }
}
