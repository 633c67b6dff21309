"""Pictures on which a person has corrected the detector, and pictures of which it is unsure: kept on the device."""
