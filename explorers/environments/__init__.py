"""Any design space as an environment to learn in: designs that are built, walked or drawn, by one learner or by several together."""
