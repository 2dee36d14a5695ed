"""What clients say, heard; what the agent says, spoken."""
