"""What defences are worth: static, adaptive and certified, unit by unit, in a folder that can be resumed."""
