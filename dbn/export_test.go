package dbn

// ShrinkDecoders makes the buffers of new Decoders small until restore is called.
func ShrinkDecoders() (restore func()) {
	before := decoderBuffer
	decoderBuffer = 4 << 10
	return func() { decoderBuffer = before }
}
