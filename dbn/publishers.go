package dbn

// Publishers lists the known publishers ordered by id, from 1 without gaps. New ones may appear
// at any time: do not treat an unknown id as an error.
func Publishers() []PublisherInfo { return append([]PublisherInfo(nil), publishers[:]...) }

// PublisherOf looks a publisher up by its id; it returns false for an unknown id.
func PublisherOf(id uint16) (PublisherInfo, bool) {
	if id == 0 || int(id) > len(publishers) {
		return PublisherInfo{}, false
	}
	return publishers[id-1], true
}

// PublisherNamed looks a publisher up by its name, e.g. "GLBX.MDP3.GLBX"; it returns false for an
// unknown name.
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
