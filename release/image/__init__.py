"""Image sets as the build left them: identity, partitions, package lists. Reads only, never mounts."""
