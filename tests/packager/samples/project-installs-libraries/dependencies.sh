apt-get update && apt-get install -y libgl1 libglib2.0-0 libxcb1 libgomp1
