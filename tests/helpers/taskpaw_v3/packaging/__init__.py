"""A stand-in for TaskPaw V3: it listens where V3's backends did, and is named as they were."""
