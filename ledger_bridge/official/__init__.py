"""Files of metering companies and grid operators: read by a mapping, compared, made papers."""
