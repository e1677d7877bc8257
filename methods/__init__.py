"""The methods: one file each, with their losses in `methods.losses` and their networks in `methods.networks`."""
