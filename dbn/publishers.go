package dbn

// Publishers lists the known publishers by id, from 1 on without gaps. New ones appear at
// any time: an unknown id is no error.
func Publishers() []PublisherInfo { return append([]PublisherInfo(nil), publishers[:]...) }

// PublisherOf looks a publisher up by its id; false for ids that are not known.
func PublisherOf(id uint16) (PublisherInfo, bool) {
	if id == 0 || int(id) > len(publishers) {
		return PublisherInfo{}, false
	}
	return publishers[id-1], true
}

// PublisherNamed looks a publisher up by its name, e.g. "GLBX.MDP3.GLBX"; false for names
// that are not known.
func PublisherNamed(name string) (PublisherInfo, bool) {
	for i := range publishers {
		if publishers[i].Name == name {
			return publishers[i], true
		}
	}
	return PublisherInfo{}, false
}

// Datasets lists the known dataset codes.
func Datasets() []string { return append([]string(nil), datasets[:]...) }

// Venues lists the known venue codes.
func Venues() []string { return append([]string(nil), venues[:]...) }
